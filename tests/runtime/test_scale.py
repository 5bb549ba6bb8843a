import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.errors import OptionError
from deepbiq.scale import Scale, bring_to_scale, parse_scale, scaled_size


@pytest.mark.parametrize(
    ("text", "short_side"), [("auto", 512), ("native", None), ("64", 64), ("300", 300), ("4000", 4000)]
)
def test_what_users_write(text, short_side):
    assert parse_scale(text, trained_short_side=512) == Scale(short_side)


@pytest.mark.parametrize("text", ["", "63", "0", "-512", "512.5", "Auto", "512px", "1/2"])
def test_anything_else_is_refused(text):
    with pytest.raises(OptionError, match="scale"):
        parse_scale(text, trained_short_side=512)


@pytest.mark.parametrize(
    ("size", "short_side", "scaled"),
    [
        ((3000, 4000), 512, (512, 683)),  # 682.67
        ((4000, 3000), 512, (683, 512)),
        ((1024, 1024), 512, (512, 512)),
        ((100, 301), 50, (50, 151)),  # 150.5 goes up
    ],
)
def test_sizes_keep_the_aspect_ratio(size, short_side, scaled):
    assert scaled_size(*size, short_side) == scaled


@given(st.integers(64, 400), st.integers(64, 400), st.integers(64, 400))
def test_pictures_shrink_to_the_short_side_and_never_grow(height, width, short_side):
    picture = np.zeros((height, width, 3), np.uint8)
    scaled = bring_to_scale(picture, Scale(short_side))
    if min(height, width) <= short_side:
        assert scaled is picture
    else:
        assert min(scaled.shape[:2]) == short_side


def test_native_keeps_every_pixel():
    picture = np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype=np.uint8)
    assert bring_to_scale(picture, Scale(None)) is picture


def test_shrinking_by_a_whole_factor_averages_areas():
    picture = np.random.default_rng(0).integers(0, 256, (256, 512, 3), dtype=np.uint8)
    expected = picture.reshape(64, 4, 128, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(bring_to_scale(picture, Scale(64)), expected, atol=0.51)  # rounding to whole levels
