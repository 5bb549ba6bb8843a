"""Dense evaluation: the features of a crop-sized window around every cell of a picture, in one pass of the network.

The feature vector of a crop is the average of its cells. The network's last node takes that average around every
cell of the feature map (an average pooling with stride one), so many crops cost about one image. Windows that reach
over the picture's edge average the cells that exist, so that no part of the picture counts less than another: with
windows that stay inside, the outermost cells would lie in one window and the middle ones in 49.

A picture is continued by reflection to a multiple of the network's stride. Up to `MAX_PASS_PIXELS` the network
runs once. Larger pictures (only a larger scale makes them) are cut into tiles with a halo, so that memory is
bounded whatever the picture; cells near a tile's border then see `HALO_CELLS` cells of their surroundings instead
of the network's whole receptive field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from deepbiq.crops import pad_to_size

MAX_PASS_PIXELS = 1_638_400
"""1280 x 1280: about 250 MB of activations in EfficientNet-Lite0."""
TILE_CELLS = 26
HALO_CELLS = 7
"""Three cells for the windows and four for the network; with the halo a tile has 40 cells, 1280 pixels, a side."""

FeaturesOf = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""The network: from images (N, H, W, 3) uint8 BGR to window features (N, D, H / stride, W / stride) float32."""


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


def dense_features(features_of: FeaturesOf, padded: npt.NDArray[np.uint8], stride: int) -> npt.NDArray[np.float32]:
    """Computes the features of every window of a picture of any size in bounded memory.

    Args:
        features_of: The network.
        padded: (H, W, 3) uint8, BGR, sides multiples of the stride.
        stride: Pixels per cell.

    Returns:
        (D, H / stride, W / stride) float32: at row i and column j the window around that cell.
    """
    height, width = padded.shape[:2]
    if height * width <= MAX_PASS_PIXELS:
        whole: npt.NDArray[np.float32] = features_of(padded[None])[0]
        return whole
    features: npt.NDArray[np.float32] | None = None
    for rows, with_halo_y in _tiles(height // stride):
        for columns, with_halo_x in _tiles(width // stride):
            pixels = padded[_pixels(with_halo_y, stride), _pixels(with_halo_x, stride)]
            tile = features_of(np.ascontiguousarray(pixels)[None])[0]
            if features is None:
                features = np.empty((len(tile), height // stride, width // stride), dtype=np.float32)
            features[:, rows, columns] = tile[:, _inside(rows, with_halo_y), _inside(columns, with_halo_x)]
    assert features is not None
    return features


def crop_vectors(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Picks the feature vectors of crops: the window around a crop's middle cell is the whole crop.

    Args:
        features: (N, D, n, n) float32, of crops of the network's input size, n odd.

    Returns:
        (N, D) float32.
    """
    middle = features.shape[2] // 2
    return features[:, :, middle, middle]


def _tiles(cells: int) -> Iterator[tuple[slice, slice]]:
    """Cuts an axis of cells into near-equal tiles: each one's own cells, and the same with the halo."""
    count = -(-cells // TILE_CELLS)
    for start, stop in pairwise(cells * i // count for i in range(count + 1)):
        yield slice(start, stop), slice(max(start - HALO_CELLS, 0), min(stop + HALO_CELLS, cells))


def _pixels(cells: slice, stride: int) -> slice:
    return slice(cells.start * stride, cells.stop * stride)


def _inside(own: slice, with_halo: slice) -> slice:
    return slice(own.start - with_halo.start, own.stop - with_halo.start)
