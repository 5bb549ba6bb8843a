"""CaffeNet as a graph: the network of the paper, on crops and over whole pictures."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the graph is made with onnx: install deepbiq[peers]")

import deepbiq
from deepbiq_benchmarks.caffenet import FEATURES, SIZE, STRIDE, write_caffenet


@pytest.fixture(scope="module")
def caffenet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peers") / "caffenet"
    write_caffenet(folder)
    return folder


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)


def test_windows_over_the_picture_are_those_of_crops(caffenet, picture):
    with (
        deepbiq.load(caffenet, plan="dense", threads=1) as dense,
        deepbiq.load(caffenet, plan="grid:4", threads=1) as crops,
    ):
        sampled = dense.sample(picture)
        # 512 is continued to 227 + 9 * 32 = 515 pixels.
        assert sampled.images.shape == (1, 515, 515, 3)
        windows = dense.features(sampled)
        assert windows.shape == (FEATURES, 10, 10)
        for row, column in ((0, 0), (4, 5), (9, 2)):
            top, left = row * STRIDE, column * STRIDE
            crop = np.ascontiguousarray(sampled.images[0, top : top + SIZE, left : left + SIZE])[None]
            alone = crops.engine.features(crop)[0, :, 0, 0]
            # A crop pads its later layers with zeros where a window sees its surroundings: close, not equal.
            cosine = (
                windows[:, row, column] @ alone / np.linalg.norm(alone) / np.linalg.norm(windows[:, row, column])
            )
            assert cosine > 0.9
    with deepbiq.load(caffenet, plan="dense", threads=1) as dense:
        alone = dense.features(dense.sample(np.ascontiguousarray(picture[:SIZE, :SIZE])))
        crop = dense.engine.features(np.ascontiguousarray(picture[None, :SIZE, :SIZE]))
        np.testing.assert_array_equal(alone, crop[0])


def test_it_is_the_network_that_pytorch_runs(caffenet, picture):
    pytest.importorskip("torch", reason="install deepbiq[export]")
    pytest.importorskip("safetensors", reason="install deepbiq[export]")
    crops = np.ascontiguousarray(np.stack([picture[:SIZE, :SIZE], picture[100 : 100 + SIZE, 50 : 50 + SIZE]]))
    with deepbiq.load(caffenet, engine="pytorch", precision="fp32", threads=1) as scorer:
        expected = scorer.engine.features(crops)
    with deepbiq.load(caffenet, threads=1) as scorer:
        found = scorer.engine.features(crops)
    assert found.std() > 0.01  # random weights of the right size keep the values alive
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
