import numpy as np
import pytest
from deepbiq import dense
from deepbiq.dense import dense_feature_map, pad_to_stride


@pytest.mark.parametrize(
    ("size", "padded"),
    [((512, 512), (512, 512)), ((513, 500), (544, 512)), ((64, 64), (224, 224)), ((225, 224), (256, 224))],
)
def test_padding_to_whole_cells_and_one_window(size, padded):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    out = pad_to_stride(picture, 224, 32)
    assert out.shape == (*padded, 3)
    np.testing.assert_array_equal(out[: size[0], : size[1]], picture)


def cell_means(images):
    n, height, width, depth = images.shape
    means = images.reshape(n, height // 32, 32, width // 32, 32, depth).mean(axis=(2, 4), dtype=np.float32)
    return means.transpose(0, 3, 1, 2)


@pytest.mark.parametrize("cells", [(33, 100), (70, 31), (65, 65)])
def test_tiles_join_without_a_seam(monkeypatch, cells):
    picture = np.random.default_rng(0).integers(0, 256, (cells[0] * 32, cells[1] * 32, 3), dtype=np.uint8)
    expected = cell_means(picture[None])[0]
    seen = []

    def network(images):
        seen.append(images.shape[1] * images.shape[2])
        return cell_means(images)

    monkeypatch.setattr(dense, "MAX_PASS_PIXELS", 1)
    np.testing.assert_array_equal(dense_feature_map(network, picture, 32), expected)
    assert len(seen) > 1
    assert max(seen) <= 1280 * 1280


def test_a_picture_that_fits_is_one_pass():
    passes = []
    picture = np.zeros((512, 640, 3), np.uint8)
    dense_feature_map(lambda images: passes.append(images.shape) or cell_means(images), picture, 32)
    assert passes == [(1, 512, 640, 3)]
