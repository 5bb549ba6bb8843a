"""Dense evaluation: the features of every crop-sized window of a picture, in one pass of the network.

The feature vector of a crop is the average of its cells. The network's last node takes that average over every
crop-sized window of the feature map (an average pooling with stride one), so many crops cost about one image.

A picture is continued by reflection to a multiple of the network's stride. Up to `MAX_PASS_PIXELS` the network
runs once. Larger pictures (only a larger scale makes them) are cut into tiles with a halo, so that memory is
bounded whatever the picture; windows near a tile's border then see `HALO_CELLS` cells of their surroundings
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
TILE_WINDOWS = 26
"""Most window positions of a tile along an axis: with the window's own size and the halo, 40 cells, 1280 pixels."""
HALO_CELLS = 4

FeaturesOf = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""The network: from images (N, H, W, 3) uint8 BGR to window features (N, D, rows, columns) float32."""


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


def dense_features(
    features_of: FeaturesOf, padded: npt.NDArray[np.uint8], size: int, stride: int
) -> npt.NDArray[np.float32]:
    """Computes the features of every window of a picture of any size in bounded memory.

    Args:
        features_of: The network.
        padded: (H, W, 3) uint8, BGR, sides multiples of the stride and at least `size`.
        size: Side of a window in pixels.
        stride: Pixels per cell.

    Returns:
        (D, rows, columns) float32: the window of row i and column j starts at pixel (i, j) times the stride.
    """
    height, width = padded.shape[:2]
    if height * width <= MAX_PASS_PIXELS:
        whole: npt.NDArray[np.float32] = features_of(padded[None])[0]
        return whole
    window = size // stride
    windows_yx = (height // stride - window + 1, width // stride - window + 1)
    features: npt.NDArray[np.float32] | None = None
    for rows, cells_y, inside_y in _tiles(windows_yx[0], window):
        for columns, cells_x, inside_x in _tiles(windows_yx[1], window):
            pixels = padded[_pixels(cells_y, stride), _pixels(cells_x, stride)]
            tile = features_of(np.ascontiguousarray(pixels)[None])[0]
            if features is None:
                features = np.empty((len(tile), *windows_yx), dtype=np.float32)
            features[:, rows, columns] = tile[:, inside_y, inside_x]
    assert features is not None
    return features


def _tiles(windows: int, window: int) -> Iterator[tuple[slice, slice, slice]]:
    """Cuts an axis of window positions into near-equal tiles.

    Yields:
        The tile's windows, the cells that it runs on, and its windows among those that come out.
    """
    count = -(-windows // TILE_WINDOWS)
    last_cell = windows + window - 1
    for start, stop in pairwise(windows * i // count for i in range(count + 1)):
        first = max(start - HALO_CELLS, 0)
        cells = slice(first, min(stop + window - 1 + HALO_CELLS, last_cell))
        yield slice(start, stop), cells, slice(start - first, stop - first)


def _pixels(cells: slice, stride: int) -> slice:
    return slice(cells.start * stride, cells.stop * stride)
