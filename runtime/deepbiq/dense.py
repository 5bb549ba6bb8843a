"""Dense evaluation: the features of crop-sized windows all over a picture, in one pass of the network.

The convolutions run once over the picture, and the network's last nodes join the cells of each window, so many
crops cost about one image. Windows are `size` pixels a side and `stride` pixels apart; those that lie inside the
picture start at its first pixel. `outer` more of them reach over each edge:

- Where the feature vector of a crop is the average of its cells, an average pooling with stride one takes it around
  every cell, of the cells that exist. So no part of the picture counts less than another: with windows that stay
  inside, the outermost cells would lie in one window and the middle ones in 49.
- Fully connected layers need every cell of a window, so all their windows stay inside (`outer` is 0). The size need
  not be a multiple of the stride then: CaffeNet's are 227 and 32.

A picture is continued by reflection until windows fill it. Up to `MAX_PASS_PIXELS` the network runs once, unless a
side is longer than the engine takes. Larger pictures (only a larger scale or a panorama makes them) are cut into
tiles with a halo, so that memory is bounded whatever the picture; windows near a tile's border then see
`HALO_WINDOWS` strides of their surroundings instead of the network's whole receptive field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from deepbiq.crops import pad_to_size

MAX_PASS_PIXELS = 1_638_400
"""1280 x 1280: some hundred megabytes of activations in EfficientNet-Lite0."""
TILE_WINDOWS = 26
"""Most windows of a tile along an axis. With the halo and three outer windows at both ends these are 40, and with a
stride of 32 as many pixels as `MAX_PASS_PIXELS` allows: 1280."""
HALO_WINDOWS = 4

FeaturesOf = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""The network: from images (N, H, W, 3) uint8 BGR to window features (N, D, rows, columns) float32."""


def pad_to_stride(bgr: npt.NDArray[np.uint8], size: int, stride: int) -> npt.NDArray[np.uint8]:
    """Continues a picture by reflection until windows fill it.

    Args:
        bgr: (H, W, 3) uint8, BGR.
        size: Side of a window in pixels.
        stride: Pixels from one window to the next.

    Returns:
        (h, w, 3) uint8, BGR, h and w `size` plus the smallest multiples of the stride that hold the picture.
    """
    height, width = (size + -(-max(side - size, 0) // stride) * stride for side in bgr.shape[:2])
    return pad_to_size(bgr, height, width)


def dense_features(
    features_of: FeaturesOf,
    padded: npt.NDArray[np.uint8],
    size: int,
    stride: int,
    outer: int,
    *,
    longest_side: int | None = None,
) -> npt.NDArray[np.float32]:
    """Computes the features of every window of a picture of any size in bounded memory.

    Args:
        features_of: The network.
        padded: (H, W, 3) uint8, BGR, sides `size` plus multiples of the stride.
        size: Side of a window in pixels.
        stride: Pixels from one window to the next.
        outer: Windows at each edge that reach over it.
        longest_side: Longest side that the network takes in one pass, in pixels; None has no bound.

    Returns:
        (D, rows, columns) float32: the window of row i and column j starts at pixel (i - outer, j - outer) times
        the stride.
    """
    height, width = padded.shape[:2]
    if height * width <= MAX_PASS_PIXELS and (longest_side is None or max(height, width) <= longest_side):
        whole: npt.NDArray[np.float32] = features_of(padded[None])[0]
        return whole
    rows, columns = ((side - size) // stride + 1 + 2 * outer for side in (height, width))
    halo = outer + HALO_WINDOWS
    own = TILE_WINDOWS
    if longest_side is not None:
        # What is left of the engine's windows when the halo at both ends is taken off.
        own = max(min(own, (longest_side - size) // stride + 1 - 2 * HALO_WINDOWS), 1)
    features: npt.NDArray[np.float32] | None = None
    for own_y, run_y in _tiles(rows, own, halo):
        for own_x, run_x in _tiles(columns, own, halo):
            pixels = padded[_pixels(run_y, size, stride, outer), _pixels(run_x, size, stride, outer)]
            tile = features_of(np.ascontiguousarray(pixels)[None])[0]
            if features is None:
                features = np.empty((len(tile), rows, columns), dtype=np.float32)
            features[:, own_y, own_x] = tile[:, _inside(own_y, run_y), _inside(own_x, run_x)]
    assert features is not None
    return features


def crop_vectors(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Picks the feature vectors of crops: of the windows of a crop the middle one is the whole crop.

    Args:
        features: (N, D, n, n) float32, of crops of the network's input size, n odd: one window, and the outer ones.

    Returns:
        (N, D) float32.
    """
    middle = features.shape[2] // 2
    return features[:, :, middle, middle]


def _tiles(windows: int, own: int, halo: int) -> Iterator[tuple[slice, slice]]:
    """Cuts an axis of windows into near-equal tiles: each one's own windows, and those that the network runs on."""
    count = -(-windows // own)
    for start, stop in pairwise(windows * i // count for i in range(count + 1)):
        yield slice(start, stop), slice(max(start - halo, 0), min(stop + halo, windows))


def _pixels(run: slice, size: int, stride: int, outer: int) -> slice:
    """Returns the pixels of which the network makes a run of windows, the outer ones at both ends among them."""
    last_inside = run.stop - 1 - 2 * outer
    return slice(run.start * stride, last_inside * stride + size)


def _inside(own: slice, run: slice) -> slice:
    return slice(own.start - run.start, own.stop - run.start)
