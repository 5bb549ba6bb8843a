import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.crops import (
    content_seed,
    crop_positions,
    cut_crops,
    grid_positions,
    pad_to_size,
    random_positions,
    whole_crop,
)
from deepbiq.plans import Plan

travels = st.tuples(st.integers(0, 5000), st.integers(0, 5000))


@pytest.mark.parametrize(
    ("count", "travel", "expected"),
    [
        (1, (10, 20), [(5, 10)]),
        (1, (0, 0), [(0, 0)]),
        (4, (10, 10), [(0, 0), (0, 10), (10, 0), (10, 10)]),
        (4, (0, 0), [(0, 0)] * 4),
        (3, (0, 10), [(0, 0), (0, 5), (0, 10)]),  # one row: the picture is one crop high
        (3, (10, 0), [(0, 0), (5, 0), (10, 0)]),
        (5, (10, 10), [(0, 0), (0, 10), (10, 0), (10, 5), (10, 10)]),  # two rows, the rest goes to the last
        (2, (1, 1), [(0, 0), (0, 1)]),
    ],
)
def test_grid_by_exact_coordinates(count, travel, expected):
    assert [tuple(row) for row in grid_positions(count, travel).tolist()] == expected


def test_25_crops_of_a_square_are_five_rows_of_five():
    steps = [0, 72, 144, 216, 288]
    assert grid_positions(25, (288, 288)).tolist() == [[top, left] for top in steps for left in steps]


@given(st.integers(1, 200), travels)
def test_grid_stays_inside_and_reaches_both_ends(count, travel):
    positions = grid_positions(count, travel)
    assert positions.shape == (count, 2)
    assert (positions >= 0).all()
    assert (positions <= travel).all()
    if count >= 4:
        assert positions[:, 0].min() == (0 if len(set(positions[:, 0])) > 1 else travel[0] // 2)
        assert positions.max(axis=0)[1] == travel[1] or travel[1] * 4 < travel[0]


@given(st.integers(0, 2**128 - 1), st.integers(1, 100), travels)
def test_random_stays_inside_and_depends_on_the_seed_alone(seed, count, travel):
    positions = random_positions(seed, count, travel)
    assert positions.shape == (count, 2)
    assert ((positions >= 0) & (positions <= travel)).all()
    np.testing.assert_array_equal(positions, random_positions(seed, count, travel))


def test_random_positions_never_change_between_versions():
    # Computed once from PCG64's published stream; a change here changes every score of random:N.
    assert random_positions(2016, 4, (288, 288)).tolist() == [
        [279, 98], [73, 116], [202, 274], [264, 146],
    ]  # fmt: skip


def test_random_is_uniform():
    positions = random_positions(7, 40_000, (3, 7))
    np.testing.assert_allclose(np.bincount(positions[:, 0], minlength=4), 10_000, rtol=0.05)
    np.testing.assert_allclose(np.bincount(positions[:, 1], minlength=8), 5_000, rtol=0.08)
    assert abs(np.corrcoef(positions.T)[0, 1]) < 0.02


def test_the_seed_follows_the_content():
    picture = np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    changed = picture.copy()
    changed[79, 89, 2] ^= 1
    assert content_seed(picture) == content_seed(picture.copy())
    assert content_seed(picture) != content_seed(changed)
    assert content_seed(np.zeros((64, 128, 3), np.uint8)) != content_seed(np.zeros((128, 64, 3), np.uint8))


def test_crops_hold_the_pixels_at_their_positions():
    picture = np.random.default_rng(0).integers(0, 256, (120, 150, 3), dtype=np.uint8)
    crops = cut_crops(picture, np.array([[0, 0], [24, 54], [3, 7]]), 96)
    assert crops.shape == (3, 96, 96, 3)
    np.testing.assert_array_equal(crops[1], picture[24:, 54:])
    np.testing.assert_array_equal(crops[2], picture[3:99, 7:103])


def test_a_picture_of_exactly_one_crop_is_that_crop():
    picture = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    for plan in (Plan("random", 3), Plan("grid", 3)):
        crops = cut_crops(picture, crop_positions(picture, plan, 96), 96)
        np.testing.assert_array_equal(crops, np.stack([picture] * 3))


@given(st.integers(64, 100), st.integers(64, 100), st.integers(64, 250), st.integers(64, 250))
def test_padding_reflects_at_bottom_and_right(height, width, wanted_height, wanted_width):
    picture = (
        np.arange(height * width, dtype=np.uint32).astype(np.uint8).reshape(height, width, 1).repeat(3, axis=2)
    )
    padded = pad_to_size(picture, wanted_height, wanted_width)
    assert padded.shape == (max(height, wanted_height), max(width, wanted_width), 3)
    np.testing.assert_array_equal(padded[:height, :width], picture)
    if padded.shape[0] > height:
        np.testing.assert_array_equal(padded[height, :width], picture[-2])
    if padded.shape[1] > width:
        np.testing.assert_array_equal(padded[:height, width], picture[:, -2])


def test_whole_takes_the_centre_after_resizing():
    picture = np.zeros((256, 512, 3), np.uint8)
    picture[:, 256:] = 200
    crop = whole_crop(picture, 224)
    assert crop.shape == (1, 224, 224, 3)
    np.testing.assert_array_equal(crop[0, :, :112], 0)  # 256 rows need no resizing; the edge stays in the middle
    np.testing.assert_array_equal(crop[0, :, 112:], 200)


@pytest.mark.parametrize("size", [(64, 64), (64, 3000), (1000, 700)])
def test_whole_of_any_size(size):
    assert whole_crop(np.zeros((*size, 3), np.uint8), 224).shape == (1, 224, 224, 3)
