"""The perceptual hash: copies stay near, other pictures stay far, and pictures of nothing have none."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.archive.likeness import HASH_BITS, perceptual_hash


def distance(one, other):
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def recompressed(bgr, quality):
    return cv2.imdecode(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


@pytest.fixture(scope="module")
def pictures(samples):
    return [cv2.imread(str(path)) for path in samples]


def test_a_copy_of_another_quality_or_size_stays_near(pictures):
    for bgr in pictures:
        own = perceptual_hash(bgr)
        assert len(own) * 8 == HASH_BITS
        half = cv2.resize(bgr, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for copy in (recompressed(bgr, 30), half, cv2.resize(bgr, (160, 120), interpolation=cv2.INTER_AREA)):
            assert distance(own, perceptual_hash(copy)) <= 16


def test_unrelated_pictures_stay_far(pictures):
    hashes = [perceptual_hash(bgr) for bgr in pictures]
    far = [distance(one, other) for place, one in enumerate(hashes) for other in hashes[:place]]
    assert far
    assert min(far) > 72


@given(st.integers(0, 255), st.integers(0, 2**32 - 1))
def test_frames_without_structure_have_no_hash(grey, seed):
    noise = np.random.default_rng(seed).integers(-6, 7, (128, 160, 3))
    assert perceptual_hash(np.clip(grey + noise, 0, 255).astype(np.uint8)) is None


def test_smooth_skies_are_not_all_the_same():
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:240, 0:320] / 320
    hashes = []
    for _ in range(20):
        sky = random.uniform(60, 180) + random.uniform(-60, 60) * rows + random.uniform(-60, 60) * columns
        noisy = np.clip(sky[..., None] + random.normal(0, 3, (240, 320, 3)), 0, 255)
        hashes.append(perceptual_hash(noisy.astype(np.uint8)))
    assert min(distance(a, b) for place, a in enumerate(hashes) for b in hashes[:place]) > 16


@pytest.mark.parametrize("size_wh", [(64, 64), (64, 2000), (31, 33), (3000, 65)])
def test_any_size_has_a_hash(size_wh):
    width, height = size_wh
    bgr = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    bgr[: height // 2] //= 4
    assert len(perceptual_hash(bgr)) == HASH_BITS // 8
