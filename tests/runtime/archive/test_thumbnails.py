"""Thumbnails: what was scored, small, or the reason why it cannot be shown."""

import base64
import hashlib

import cv2
import numpy as np
import pytest

from deepbiq.archive.report.thumbnails import HEIGHT, WIDEST, thumbnail


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def drawn(made):
    data = base64.b64decode(made.url.removeprefix("data:image/jpeg;base64,"))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize(
    ("size_wh", "small_wh"),
    [((1200, 800), (300, 200)), ((400, 1000), (80, 200)), ((2000, 70), (320, 11)), ((90, 64), (90, 64))],
)
def test_it_fits_and_is_never_enlarged(tmp_path, size_wh, small_wh):
    width, height = size_wh
    cv2.imwrite(str(tmp_path / "a.png"), np.full((height, width, 3), (40, 120, 200), np.uint8))
    made = thumbnail(str(tmp_path / "a.png"), digest_of(tmp_path / "a.png"))
    assert (made.width, made.height) == small_wh
    assert made.height <= HEIGHT
    assert made.width <= WIDEST
    bgr = drawn(made)
    assert bgr.shape[:2] == (made.height, made.width)
    assert np.abs(bgr.astype(int) - (40, 120, 200)).max() < 8


def test_what_is_gone_changed_or_broken_says_so(tmp_path, samples):
    path = tmp_path / "a.jpg"
    assert thumbnail(str(path), "0" * 64).fault == "no such file"
    path.write_bytes(samples[0].read_bytes())
    assert thumbnail(str(path), digest_of(path)).fault is None
    assert thumbnail(str(path), digest_of(samples[1])).fault == "it has changed since it was scored"
    assert thumbnail(str(path), None).url is None
    path.write_bytes(path.read_bytes()[:2000])
    assert thumbnail(str(path), digest_of(path)).fault
    assert thumbnail(str(tmp_path), "0" * 64).fault == "it is a directory, not a file"


def test_remote_pictures_are_fetched(samples):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    data = samples[0].read_bytes()
    memory.pipe("/thumbnails/a.jpg", data)
    try:
        made = thumbnail("memory://thumbnails/a.jpg", hashlib.sha256(data).hexdigest())
        assert made.fault is None
        assert drawn(made).shape[0] <= HEIGHT
        assert thumbnail("memory://thumbnails/missing.jpg", "0" * 64).fault
    finally:
        memory.rm("/thumbnails", recursive=True)
