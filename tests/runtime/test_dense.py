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
    np.testing.assert_allclose(dense_features(network, picture, 32), expected, rtol=1e-6)
    assert len(seen) > 1
    assert max(seen) <= 1280 * 1280


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
    np.testing.assert_allclose(dense_features(network, picture, 32)[inner], expected[inner], rtol=1e-5)


def test_a_picture_that_fits_is_one_pass():
    passes = []
    picture = np.zeros((512, 640, 3), np.uint8)
    dense_features(lambda images: passes.append(images.shape) or window_means(images), picture, 32)
    assert passes == [(1, 512, 640, 3)]


def test_the_window_around_the_middle_of_a_crop_is_the_crop():
    crops = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    np.testing.assert_allclose(crop_vectors(window_means(crops)), crops.mean(axis=(1, 2)), rtol=1e-6)
