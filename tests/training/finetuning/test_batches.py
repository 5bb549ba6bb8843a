from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from deepbiq.datasets import read_biq2021
from deepbiq.errors import ImageError, OptionError
from deepbiq_training.finetuning.batches import BatchPlan, random_crop, read_batches


def plan(**changes):
    return BatchPlan(**{"pictures": 23, "batch_size": 2, "accumulate": 2, "devices": 2, "seed": 5, **changes})


def pictures_of(plan, step):
    return [number for device in range(plan.devices) for part in plan.passes(step, device) for number in part]


def test_an_epoch_takes_each_picture_once_at_most():
    taken = Counter(number for step in range(plan().steps_per_epoch) for number in pictures_of(plan(), step))
    assert plan().steps_per_epoch == 2
    assert len(taken) == 16
    assert set(taken.values()) == {1}


def test_epochs_and_seeds_differ_and_repeat():
    assert pictures_of(plan(), 0) == pictures_of(plan(), 0)
    assert pictures_of(plan(), 0) != pictures_of(plan(), 2)
    assert pictures_of(plan(), 0) != pictures_of(plan(seed=6), 0)


def test_accumulation_sees_the_same_pictures_as_one_large_batch():
    apart, together = plan(devices=1), plan(devices=1, batch_size=4, accumulate=1)
    assert np.concatenate(apart.passes(1, 0)).tolist() == together.passes(1, 0)[0].tolist()


def test_too_few_pictures_for_a_step_are_refused():
    with pytest.raises(OptionError, match=r"one step takes 8 pictures .* only 7 are there"):
        plan(pictures=7)


def ramp(height, width):
    """Each pixel tells where it is: rows in blue, columns in green."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return np.stack([rows, columns, np.zeros_like(rows)], axis=-1)


def test_crops_keep_their_scale_and_may_be_mirrored():
    flips, places = Counter(), set()
    for seed in range(60):
        crop = random_crop(ramp(100, 120), 96, np.random.default_rng(seed))
        top, left = int(crop[0, 0, 0]), int(crop[0, :, 1].min())
        cut = ramp(100, 120)[top : top + 96, left : left + 96]
        flipped = bool(crop[0, 0, 1] > crop[0, -1, 1])
        np.testing.assert_array_equal(crop, cut[:, ::-1] if flipped else cut)
        flips[flipped] += 1
        places.add((top, left))
    assert min(flips.values()) > 15
    assert len(places) > 30
    assert {top for top, _ in places} == {0, 1, 2, 3, 4}


def test_a_small_picture_is_continued_by_reflection():
    crop = random_crop(ramp(80, 96), 96, np.random.default_rng(0))
    assert crop.shape == (96, 96, 3)
    assert crop[80:, 0, 0].tolist() == list(range(78, 62, -1))


def batches(miniature, steps, pictures=None):
    read = read_biq2021(miniature, "train") if pictures is None else pictures
    few = plan(pictures=12, devices=1)
    return list(read_batches(read, few, steps=steps, device=0, crop_size=64, short_side=96))


def test_batches_depend_on_the_step_alone(miniature):
    everything, later = batches(miniature, range(6)), batches(miniature, range(4, 6))
    assert len(everything) == 12
    for one, other in zip(everything[8:], later, strict=True):
        np.testing.assert_array_equal(one.crops, other.crops)
        np.testing.assert_array_equal(one.mos, other.mos)
    assert one.crops.shape == (2, 64, 64, 3)
    assert one.mos.dtype == np.float32


def test_a_picture_that_vanishes_is_named(miniature):
    read = read_biq2021(miniature, "train")
    for picture in read:
        picture.path.unlink()
    with pytest.raises(ImageError, match=r"ss0"):
        batches(miniature, range(1), read)
