import csv

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepbiq.camera.config import SignalsSection
from deepbiq.camera.signals import STILL, Stillness, hints, measure
from tests.runtime.camera.burst_material import frame

SECTION = SignalsSection(dark=0.12, black=0.02, overexposed=0.25, blurred=0.3, noisy=5.0, frozen_s=10)


def signals(bgr, before=None):
    return measure(frame(0.0, bgr=bgr), before)[0]


def named(bgr, *, unchanged_for_s=0.0):
    return hints(signals(bgr), SECTION, unchanged_for_s)


def noisy(bgr, deviation, seed=0):
    noise = np.random.default_rng(seed).normal(0, deviation, bgr.shape)
    return np.clip(bgr + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pictures(samples):
    """The sample photographs, 720 pixels wide or less."""
    read = [cv2.imread(str(path)) for path in samples]
    return [
        cv2.resize(each, None, fx=s, fy=s, interpolation=cv2.INTER_AREA) if (s := 720 / each.shape[1]) < 1 else each
        for each in read
    ]


def test_levels_of_a_flat_picture():
    half = np.zeros((400, 400, 3), np.uint8)
    half[:, 200:] = 255
    found = signals(half)
    assert (found.brightness, found.shadows, found.highlights) == pytest.approx((0.5, 0.5, 0.5))
    assert found.noise == 0


@pytest.mark.parametrize("deviation", [2, 5, 10, 20])
def test_noise_of_known_strength(deviation):
    grey = np.random.default_rng(0).normal(128, deviation, (512, 512))
    bgr = np.repeat(np.clip(grey.round(), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    assert signals(bgr).noise == pytest.approx(deviation, rel=0.15)


def test_detail_is_no_noise(pictures):
    assert all(signals(each).noise < SECTION.noisy for each in pictures)


def test_blur_lowers_sharpness_and_contrast_does_not_matter(pictures):
    for each in pictures:
        found = [
            signals(cv2.GaussianBlur(each, (0, 0), sigma) if sigma else each).sharpness for sigma in (0, 1, 2, 4)
        ]
        assert found == sorted(found, reverse=True)
        paler = (96 + each * 0.5).astype(np.uint8)
        assert signals(paler).sharpness == pytest.approx(found[0], rel=0.3)


def test_a_sharp_part_is_enough(pictures):
    half = cv2.GaussianBlur(pictures[0], (0, 0), 4)
    assert "blurred" in named(half)
    half[:, half.shape[1] // 2 :] = pictures[0][:, half.shape[1] // 2 :]
    assert "blurred" not in named(half)


def test_noise_does_not_hide_a_blur(pictures):
    for each in pictures:
        assert "blurred" in named(noisy(cv2.GaussianBlur(each, (0, 0), 3), 4))


def test_change_to_the_frame_before():
    grey = np.full((400, 600, 3), 100, np.uint8)
    first, before = measure(frame(0.0, bgr=grey), None)
    assert first.change is None
    assert signals(grey, before).change == 0
    assert signals(grey + 3, before).change == 3
    assert signals(np.full((400, 500, 3), 100, np.uint8), before).change is None


def test_sensor_noise_is_change(pictures):
    _, before = measure(frame(0.0, bgr=noisy(pictures[0], 1, seed=1)), None)
    assert signals(noisy(pictures[0], 1, seed=2), before).change > 10 * STILL


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 90), st.integers(1, 90), st.just(3))))
def test_any_picture_has_finite_signals(bgr):
    found = signals(bgr, before=measure(frame(0.0, bgr=bgr), None)[1])
    assert 0 <= found.brightness <= 1
    assert 0 <= found.shadows <= 1
    assert 0 <= found.highlights <= 1
    assert 0 <= found.sharpness < 100
    assert 0 <= found.noise < 255
    assert found.change == 0


def test_large_pictures_are_measured_at_a_common_size(pictures):
    large = cv2.resize(pictures[0], None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    luma = measure(frame(0.0, bgr=large), None)[1]
    assert 360 <= min(luma.shape) < 720


def test_hints_by_name(pictures):
    photo = pictures[0]
    assert named(photo) == ()
    assert named((photo * 0.15).astype(np.uint8))[0] == "dark"
    assert named((photo * 0.01).astype(np.uint8)) == ("black",)
    assert "overexposed" in named(np.clip(photo * 5.0, 0, 255).astype(np.uint8))
    assert "noisy" in named(noisy(photo, 15))
    assert named(photo, unchanged_for_s=9.9) == ()
    assert named(photo, unchanged_for_s=10) == ("frozen",)
    assert named(np.zeros_like(photo), unchanged_for_s=60) == ("black", "frozen")


def test_stillness_counts_from_the_last_change():
    stillness = Stillness()
    changes = [(None, 5.0), (0.0, 6.0), (STILL, 9.0), (1.0, 10.0), (0.0, 12.0), (None, 13.0), (0.0, 13.5)]
    assert [stillness.step(change, at) for change, at in changes] == [0, 1, 4, 0, 2, 0, 0.5]


DAMAGES = {
    "blurred": lambda bgr: cv2.GaussianBlur(bgr, (0, 0), 2),
    "noisy": lambda bgr: noisy(bgr, 15),
    "dark": lambda bgr: (bgr * 0.15).astype(np.uint8),
    "black": lambda bgr: (bgr * 0.01).astype(np.uint8),
}


def test_good_photographs_are_hardly_ever_flagged_and_damaged_ones_are(biq2021):
    with (biq2021 / "Train (Images and MOS).csv").open() as file:
        good = [row["Image Name"] for row in csv.DictReader(file) if float(row["MOS"]) >= 0.6]
    paths = [path for name in good[::60] if (path := biq2021 / "Images" / name).is_file()]
    photographs = [cv2.imread(str(path)) for path in paths]
    assert len(photographs) >= 60
    flagged = np.mean([bool(named(each)) for each in photographs])
    assert flagged <= 0.1
    for name, damage in DAMAGES.items():
        assert np.mean([name in named(damage(each)) for each in photographs]) >= 0.9, name
