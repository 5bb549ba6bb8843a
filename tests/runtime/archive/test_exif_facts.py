import io
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from deepbiq.archive.exif_facts import ExifFacts, exif_facts

KINDS = {"JPEG": "JPEG", "PNG": "PNG", "WebP": "WEBP", "TIFF": "TIFF"}
TAKEN = datetime(2024, 2, 29, 23, 59, 58)


def picture_file(kind, make="Canon", model="Canon EOS 5D", taken="2024:02:29 23:59:58"):
    tags = {tag: text for tag, text in ((0x010F, make), (0x0110, model)) if text is not None}
    if taken is not None:
        tags[0x8769] = {0x9003: taken}
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((70, 80, 3), np.uint8)).save(buffer, KINDS[kind], **written(kind, tags))
    return buffer.getvalue()


def written(kind, tags):
    if kind == "TIFF":  # which Pillow's Exif loses its inner directory in
        directory = TiffImagePlugin.ImageFileDirectory_v2()
        directory.update(tags)
        return {"tiffinfo": directory}
    exif = Image.Exif()
    exif.update(tags)
    return {"exif": exif}


@pytest.mark.parametrize("kind", KINDS)
def test_camera_and_time_of_every_format(kind):
    assert exif_facts(picture_file(kind), kind) == ExifFacts("Canon EOS 5D", TAKEN)


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("NIKON CORPORATION", "NIKON D90", "NIKON CORPORATION NIKON D90"),
        ("Apple", "iPhone 14", "Apple iPhone 14"),
        ("SONY", None, "SONY"),
        (None, "DSC-F717", "DSC-F717"),
        ("FUJIFILM   ", "FinePix\x00\x00", "FUJIFILM FinePix"),
        (" ", "", None),
        (None, None, None),
    ],
)
def test_make_and_model_are_joined(make, model, camera):
    assert exif_facts(picture_file("JPEG", make, model), "JPEG").camera == camera


@pytest.mark.parametrize("taken", [None, "", "0000:00:00 00:00:00", "    :  :     :  :  ", "2024-02-29 23:59", "ÿ"])
def test_a_time_that_is_none(taken):
    assert exif_facts(picture_file("JPEG", taken=taken), "JPEG") == ExifFacts("Canon EOS 5D", None)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "BMP"])
def test_pictures_without_exif(kind):
    buffer = io.BytesIO()
    Image.new("RGB", (70, 80)).save(buffer, kind.upper())
    assert exif_facts(buffer.getvalue(), kind) == ExifFacts()


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_damaged_exif_is_no_error(kind, data):
    damaged = bytearray(picture_file(kind))
    for at in data.draw(st.lists(st.integers(0, min(len(damaged), 400) - 1), min_size=1, max_size=8)):
        damaged[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(damaged)))
    camera, taken = exif_facts(bytes(damaged[:cut]), kind)
    assert camera is None or (camera.isprintable() and 0 < len(camera) <= 201)
    assert taken is None or isinstance(taken, datetime)
