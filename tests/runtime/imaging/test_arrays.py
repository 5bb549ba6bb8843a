from __future__ import annotations

import numpy as np
import pytest

from deepbiq.errors import ImageError
from deepbiq.imaging import Limits, check_array
from tests.fuzz.picture_samples import picture

GOOD = picture()


def test_a_good_array_is_not_copied():
    result = check_array(GOOD)
    assert np.shares_memory(result.bgr, GOOD)
    assert (result.width, result.height, result.warnings, result.header) == (88, 72, (), None)


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[::-1],
        lambda a: a[:, ::-1],
        lambda a: a[..., ::-1],
        lambda a: a.transpose(1, 0, 2),
        np.asfortranarray,
    ],
)
def test_views_become_contiguous_and_the_original_stays(view):
    original = GOOD.copy()
    given = view(original)
    result = check_array(given)
    assert result.bgr.flags.c_contiguous
    np.testing.assert_array_equal(result.bgr, given)
    np.testing.assert_array_equal(original, GOOD)


def test_read_only_arrays_are_accepted():
    array = GOOD.copy()
    array.setflags(write=False)
    np.testing.assert_array_equal(check_array(array).bgr, GOOD)


NAN = GOOD.astype(np.float32)
NAN[3, 4, 1] = np.nan


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (None, "NoneType is no NumPy array: a BGR uint8 array"),
        ([[1, 2], [3, 4]], "list is no NumPy array"),
        (GOOD.astype(np.float32), r"its values are float32: a BGR uint8 array"),
        (NAN, "float32, 1 of them NaN"),
        (NAN.astype(np.complex64), "complex64, 1 of them NaN"),
        (GOOD > 3, "values are bool"),
        (GOOD.astype(np.int8), "values are int8"),
        (GOOD.astype(np.uint16), "values are uint16"),
        (GOOD.astype(object), "values are object"),
        (GOOD[..., 0], r"shape is \(72, 88\): .*COLOR_GRAY2BGR"),
        (GOOD[..., :1], r"shape is \(72, 88, 1\): .*COLOR_GRAY2BGR"),
        (GOOD[..., :2], r"shape is \(72, 88, 2\): a BGR"),
        (np.dstack([GOOD, GOOD[..., 0]]), r"\(72, 88, 4\): .*COLOR_BGRA2BGR"),
        (GOOD.transpose(2, 0, 1), r"\(3, 72, 88\): .*transpose\(1, 2, 0\)"),
        (GOOD[None], r"\(1, 72, 88, 3\): .*one by one"),
        (GOOD[:63], "size of 88x63 is too small: at least 64"),
        (GOOD[:, :63], "size of 63x72 is too small"),
        (GOOD[:0], "its size is 88x0: no pixels"),
        (np.zeros((0, 0, 3), np.uint8), "no pixels"),
        (np.uint8(3), "is no NumPy array"),
        (np.array(3, np.uint8), r"shape is \(\)"),
        (np.ma.masked_greater(GOOD, 100), "masked array"),
    ],
)
def test_everything_else_is_refused(array, message):
    with pytest.raises(ImageError, match=message) as caught:
        check_array(array, name="frame 7")
    assert str(caught.value).startswith("frame 7: ")
    assert "\n" not in str(caught.value)


def test_the_limit_of_pixels():
    assert check_array(GOOD, limits=Limits(max_pixels=72 * 88)).width == 88
    with pytest.raises(ImageError, match=r"88x72 is 0\.0 megapixels"):
        check_array(GOOD, limits=Limits(max_pixels=72 * 88 - 1))


def test_subclasses_become_plain_arrays():
    class Special(np.ndarray):
        pass

    assert type(check_array(GOOD.view(Special)).bgr) is np.ndarray
