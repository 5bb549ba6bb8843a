import numpy as np
import pytest

from deepbiq import dense
from deepbiq.dense import dense_features, pad_to_stride


@pytest.mark.parametrize(
    ("size", "padded"),
    [((512, 512), (512, 512)), ((513, 500), (544, 512)), ((64, 64), (224, 224)), ((225, 224), (256, 224))],
)
def test_padding_to_whole_windows(size, padded):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    out = pad_to_stride(picture, 224, 32)
    assert out.shape == (*padded, 3)
    np.testing.assert_array_equal(out[: size[0], : size[1]], picture)


@pytest.mark.parametrize(
    ("size", "padded"),
    [((512, 515), (515, 515)), ((516, 227), (547, 227)), ((64, 100), (227, 227)), ((228, 259), (259, 259))],
)
def test_windows_need_not_be_multiples_of_the_stride(size, padded):
    assert pad_to_stride(np.zeros((*size, 3), np.uint8), 227, 32).shape == (*padded, 3)


@pytest.mark.parametrize("side", range(64, 700, 9))
def test_padding_is_less_than_a_stride_and_ends_with_a_window(side):
    for size in (224, 227):
        padded = pad_to_stride(np.zeros((side, 70, 3), np.uint8), size, 32).shape[0]
        assert (padded - size) % 32 == 0
        assert padded == size if side <= size else side <= padded < side + 32


def window_means(images):
    """Mean colours of every 224x224 window, stride 32."""
    n, height, width, depth = images.shape
    cells = images.reshape(n, height // 32, 32, width // 32, 32, depth).mean(axis=(2, 4), dtype=np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(cells, (7, 7), axis=(1, 2))
    return windows.mean(axis=(-2, -1), dtype=np.float32).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("cells", [(7, 100), (33, 100), (70, 31), (65, 65)])
def test_tiles_join_without_a_seam(monkeypatch, cells):
    picture = np.random.default_rng(0).integers(0, 256, (cells[0] * 32, cells[1] * 32, 3), dtype=np.uint8)
    expected = window_means(picture[None])[0]
    seen = []

    def network(images):
        seen.append(images.shape[1] * images.shape[2])
        return window_means(images)

    monkeypatch.setattr(dense, "MAX_PASS_PIXELS", 1)
    np.testing.assert_array_equal(dense_features(network, picture, 224, 32), expected)
    assert len(seen) > 1
    assert max(seen) <= 1280 * 1280


@pytest.mark.parametrize("windows", [(1, 60), (29, 31)])
def test_tiles_of_windows_that_are_no_multiple_of_the_stride(monkeypatch, windows):
    """The network's result depends on every pixel's place, so a window one pixel off would be seen."""
    height, width = (227 + 32 * (count - 1) for count in windows)
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)

    def corners(images):
        assert all((side - 227) % 32 == 0 for side in images.shape[1:3])
        ends = images[:, 226::32, 226::32].astype(np.float32)
        starts = images[:, ::32, ::32][:, : ends.shape[1], : ends.shape[2]].astype(np.float32)
        return np.moveaxis(starts + 1000 * ends, -1, 1)

    expected = corners(picture[None])[0]
    assert expected.shape == (3, *windows)
    monkeypatch.setattr(dense, "MAX_PASS_PIXELS", 1)
    np.testing.assert_array_equal(dense_features(corners, picture, 227, 32), expected)


def test_windows_see_their_surroundings_across_a_tile_border(monkeypatch):
    """A network that looks two cells beyond its window gives the same in tiles as in one pass."""
    picture = np.random.default_rng(0).integers(0, 256, (1024, 2048, 3), dtype=np.uint8)

    def network(images):
        padded = np.pad(images, ((0, 0), (64, 64), (64, 64), (0, 0)))
        height, width = images.shape[1] // 32 - 6, images.shape[2] // 32 - 6
        return sum(window_means(padded)[:, :, y : y + height, x : x + width] for y in range(5) for x in range(5))

    expected = network(picture[None])[0]
    monkeypatch.setattr(dense, "MAX_PASS_PIXELS", 1)
    np.testing.assert_allclose(dense_features(network, picture, 224, 32), expected, rtol=1e-6)


def test_a_picture_that_fits_is_one_pass():
    passes = []
    picture = np.zeros((512, 640, 3), np.uint8)
    dense_features(lambda images: passes.append(images.shape) or window_means(images), picture, 224, 32)
    assert passes == [(1, 512, 640, 3)]
