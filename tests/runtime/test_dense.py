import numpy as np
import pytest

from deepbiq import dense
from deepbiq.dense import crop_vectors, dense_features, pad_to_stride


@pytest.mark.parametrize(
    ("size", "padded"),
    [((512, 512), (512, 512)), ((513, 500), (544, 512)), ((64, 64), (224, 224)), ((225, 224), (256, 224))],
)
def test_padding_to_whole_cells_and_one_window(size, padded):
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
    """Mean colours of the 7x7 cells around every cell, cut at the edges: the definition, cell by cell."""
    n, height, width, depth = images.shape
    cells = images.reshape(n, height // 32, 32, width // 32, 32, depth).mean(axis=(2, 4), dtype=np.float64)
    means = np.empty((n, depth, height // 32, width // 32), np.float32)
    for i, j in np.ndindex(means.shape[2:]):
        means[:, :, i, j] = cells[:, max(i - 3, 0) : i + 4, max(j - 3, 0) : j + 4].mean(axis=(1, 2))
    return means


@pytest.mark.parametrize("cells", [(7, 100), (27, 60), (70, 31)])
def test_tiles_join_without_a_seam(monkeypatch, cells):
    picture = np.random.default_rng(0).integers(0, 256, (cells[0] * 32, cells[1] * 32, 3), dtype=np.uint8)
    expected = window_means(picture[None])[0]
    seen = []

    def network(images):
        seen.append(images.shape[1] * images.shape[2])
        return window_means(images)

    monkeypatch.setattr(dense, "MAX_PASS_PIXELS", 1)
    np.testing.assert_allclose(dense_features(network, picture, 224, 32, 3), expected, rtol=1e-6)
    assert len(seen) > 1
    assert max(seen) <= 1280 * 1280


@pytest.mark.parametrize("windows", [(1, 60), (29, 31)])
def test_tiles_of_windows_that_stay_inside(monkeypatch, windows):
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
    np.testing.assert_array_equal(dense_features(corners, picture, 227, 32, 0), expected)


@pytest.mark.parametrize(
    ("size", "outer", "longest"), [(224, 3, 1280), (224, 3, 800), (227, 0, 1251), (227, 0, 515)]
)
@pytest.mark.parametrize("windows", [(12, 60), (60, 5), (45, 45)])
def test_no_pass_is_longer_than_the_engine_takes(size, outer, longest, windows):
    height, width = (size + 32 * (count - 1) for count in windows)
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    sides = []

    def network(images):
        sides.extend(images.shape[1:3])
        if outer:
            return window_means(images)
        starts = images[:, ::32, ::32][
            :, : (images.shape[1] - size) // 32 + 1, : (images.shape[2] - size) // 32 + 1
        ]
        return np.moveaxis(starts.astype(np.float32), -1, 1)

    expected = network(picture[None])[0]
    sides.clear()
    found = dense_features(network, picture, size, 32, outer, longest_side=longest)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert len(sides) > 2
    assert min(sides) >= size
    assert max(sides) <= longest


def test_a_picture_as_long_as_the_engine_takes_is_one_pass():
    passes = []
    picture = np.zeros((224, 1280, 3), np.uint8)
    network = lambda images: passes.append(images.shape) or window_means(images)  # noqa: E731
    dense_features(network, picture, 224, 32, 3, longest_side=1280)
    assert passes == [(1, 224, 1280, 3)]


def test_cells_see_their_surroundings_across_a_tile_border(monkeypatch):
    """A network that looks four cells beyond its windows gives the same in tiles as in one pass."""
    picture = np.random.default_rng(0).integers(0, 256, (1024, 2048, 3), dtype=np.uint8)

    def network(images):
        means = window_means(images)
        far = np.pad(means, ((0, 0), (0, 0), (4, 4), (4, 4)))
        rows, columns = means.shape[2:]
        return means + sum(far[:, :, y : y + rows, x : x + columns] for y in (0, 8) for x in (0, 8))

    expected = network(picture[None])[0]
    monkeypatch.setattr(dense, "MAX_PASS_PIXELS", 1)
    inner = np.s_[:, 4:-4, 4:-4]  # the network pads with zeros at the picture's own edges only
    np.testing.assert_allclose(dense_features(network, picture, 224, 32, 3)[inner], expected[inner], rtol=1e-5)


def test_a_picture_that_fits_is_one_pass():
    passes = []
    picture = np.zeros((512, 640, 3), np.uint8)
    dense_features(lambda images: passes.append(images.shape) or window_means(images), picture, 224, 32, 3)
    assert passes == [(1, 512, 640, 3)]


def test_the_window_around_the_middle_of_a_crop_is_the_crop():
    crops = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    np.testing.assert_allclose(crop_vectors(window_means(crops)), crops.mean(axis=(1, 2)), rtol=1e-6)
