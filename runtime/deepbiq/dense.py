"""Dense evaluation: the feature map of a whole picture, in one pass or in tiles where one pass would not fit.

A picture is continued by reflection to a multiple of the network's stride. Up to `MAX_PASS_PIXELS` the network
runs once. Larger pictures (only `native` scale makes them) are cut into tiles with a halo, so that memory is
bounded whatever the picture; features near a tile's border then see `HALO_CELLS` cells of their surroundings
instead of the network's whole receptive field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from deepbiq.crops import pad_to_size

MAX_PASS_PIXELS = 1_638_400
"""1280 x 1280: about 250 MB of activations in EfficientNet-Lite0."""
TILE_CELLS = 32
HALO_CELLS = 4

FeatureMapOf = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""From images (N, H, W, 3) uint8 BGR to feature maps (N, D, H / stride, W / stride) float32."""


def pad_to_stride(bgr: npt.NDArray[np.uint8], size: int, stride: int) -> npt.NDArray[np.uint8]:
    """Continues a picture by reflection to whole cells and to at least one window.

    Args:
        bgr: (H, W, 3) uint8, BGR.
        size: Side of a window in pixels, a multiple of the stride.
        stride: Pixels per cell.

    Returns:
        (h, w, 3) uint8, BGR, h and w multiples of the stride and at least `size`.
    """
    height, width = (max(size, -(-side // stride) * stride) for side in bgr.shape[:2])
    return pad_to_size(bgr, height, width)


def dense_feature_map(
    feature_map_of: FeatureMapOf, padded: npt.NDArray[np.uint8], stride: int
) -> npt.NDArray[np.float32]:
    """Computes the feature map of a picture of any size in bounded memory.

    Args:
        feature_map_of: The network.
        padded: (H, W, 3) uint8, BGR, sides multiples of the stride.
        stride: Pixels per cell.

    Returns:
        (D, H / stride, W / stride) float32.
    """
    height, width = padded.shape[:2]
    if height * width <= MAX_PASS_PIXELS:
        whole: npt.NDArray[np.float32] = feature_map_of(padded[None])[0]
        return whole
    cells: npt.NDArray[np.float32] | None = None
    for rows, with_halo_y in _tiles(height // stride):
        for columns, with_halo_x in _tiles(width // stride):
            pixels = padded[_pixels(with_halo_y, stride), _pixels(with_halo_x, stride)]
            tile = feature_map_of(np.ascontiguousarray(pixels)[None])[0]
            if cells is None:
                cells = np.empty((len(tile), height // stride, width // stride), dtype=np.float32)
            cells[:, rows, columns] = tile[:, _inside(rows, with_halo_y), _inside(columns, with_halo_x)]
    assert cells is not None
    return cells


def _tiles(cells: int) -> Iterator[tuple[slice, slice]]:
    """Cuts an axis of cells into near-equal tiles: each one's own cells, and the same with the halo."""
    count = -(-cells // TILE_CELLS)
    borders = [cells * i // count for i in range(count + 1)]
    for start, stop in pairwise(borders):
        yield slice(start, stop), slice(max(start - HALO_CELLS, 0), min(stop + HALO_CELLS, cells))


def _pixels(cells: slice, stride: int) -> slice:
    return slice(cells.start * stride, cells.stop * stride)


def _inside(own: slice, with_halo: slice) -> slice:
    return slice(own.start - with_halo.start, own.stop - with_halo.start)
