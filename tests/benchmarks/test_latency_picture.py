"""The pictures that latency is measured on."""

import cv2
import numpy as np
import pytest

from deepbiq.errors import ImageError, OptionError
from deepbiq.imaging import decode_bytes
from deepbiq_benchmarks.latency_picture import BenchPicture, at_megapixels, make_picture, open_picture


def test_the_made_picture_is_the_same_every_time_and_has_detail():
    made = make_picture()
    assert make_picture().data == made.data == made.source
    assert "seed 0" in made.name
    bgr = decode_bytes(made.data).bgr
    assert bgr.shape == (512, 512, 3)
    assert bgr.std() > 30
    small = cv2.resize(bgr, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)
    assert small.std() > 0.5 * bgr.std()  # white noise would leave a sixteenth


@pytest.mark.parametrize("megapixels", [0.05, 0.24, 1.5])
def test_another_size_keeps_the_aspect_ratio(samples, megapixels):
    coffee = next(path for path in samples if path.name == "coffee.jpg")
    resized = at_megapixels(open_picture(coffee), megapixels)
    assert resized.width * resized.height == pytest.approx(megapixels * 1e6, rel=0.01)
    assert resized.width / resized.height == pytest.approx(600 / 400, rel=0.01)
    assert decode_bytes(resized.source).bgr.shape == (resized.height, resized.width, 3)
    assert f"{megapixels:g} megapixels" in resized.name


def test_more_pixels_than_a_jpeg_has_are_refused():
    line = np.zeros((64, 6400, 3), np.uint8)
    data = cv2.imencode(".png", line)[1].tobytes()
    with pytest.raises(OptionError, match="take fewer megapixels"):
        at_megapixels(BenchPicture("line.png", data, data, 6400, 64), 50)


def test_a_missing_picture_is_named(tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        open_picture(tmp_path / "missing.jpg")
