import dataclasses
import os

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.camera.readers import ReadingOptions, open_reader
from deepbiq.camera.sources import SourceKind, parse_source, redact
from deepbiq.errors import CameraError, OptionError
from tests.runtime.camera.watching import Watching, capture_threads

SECRET = "Hunter2SECRET"


@pytest.mark.parametrize(
    ("text", "kind", "address", "shown"),
    [
        ("0", SourceKind.DEVICE, "/dev/video0", "/dev/video0"),
        ("/dev/v4l/by-id/usb-cam", SourceKind.DEVICE, "/dev/v4l/by-id/usb-cam", "/dev/v4l/by-id/usb-cam"),
        ("rtsp://10.0.0.7/live", SourceKind.STREAM, "rtsp://10.0.0.7/live", "rtsp://10.0.0.7/live"),
        ("RTSPS://[fe80::1]:322/x", SourceKind.STREAM, "RTSPS://[fe80::1]:322/x", "rtsps://[fe80::1]:322/x"),
        ("http://cam.lan:8080", SourceKind.STREAM, "http://cam.lan:8080", "http://cam.lan:8080"),
        (
            "gst:videotestsrc ! appsink",
            SourceKind.PIPELINE,
            "videotestsrc ! appsink",
            "videotestsrc ! appsink",
        ),
    ],
)
def test_each_kind_is_recognised(text, kind, address, shown):
    source = parse_source(text)
    assert (source.kind, source.address, source.shown) == (kind, address, shown)


def test_a_csi_camera_becomes_a_pipeline_that_keeps_the_newest_frame():
    source = parse_source("csi:1")
    assert source.kind is SourceKind.PIPELINE
    assert source.shown == "csi:1"
    assert source.address.startswith("nvarguscamerasrc sensor-id=1 ! ")
    assert source.address.endswith("! appsink drop=true max-buffers=1 sync=false")


def test_files_and_folders_are_told_apart_by_looking(tmp_path):
    film = tmp_path / "a:film.mp4"
    film.write_bytes(b"x")
    assert parse_source(str(tmp_path)).kind is SourceKind.FOLDER
    assert parse_source(str(film)).kind is SourceKind.FILE


def test_a_relative_path_is_made_absolute_for_a_colon_in_it_would_be_a_protocol(tmp_path, monkeypatch):
    (tmp_path / "http:film.mp4").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    source = parse_source("http:film.mp4")
    assert source.address == str(tmp_path / "http:film.mp4")
    assert source.shown == "http:film.mp4"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no such file or folder"),
        ("nowhere.mp4", "nowhere.mp4"),
        ("ftp://host/film.mp4", "unknown kind of address"),
        ("rtsp://", "malformed address"),
        ("rtsp://host:port/live", "malformed address"),
        ("http://ho st/live", "malformed address"),
        ("videotestsrc ! fakesink", "must end in an appsink"),
        ("null\0byte", "no such file or folder|no usable path"),
    ],
)
def test_what_is_no_source_is_refused_with_a_way_out(text, says):
    with pytest.raises(OptionError, match=says):
        parse_source(text)


ADDRESSES = [
    f"rtsp://admin:{SECRET}@10.0.0.7:554/live",
    f"http://{SECRET}@cam/video.mjpg",
    f"https://cam/stream?user=admin&pwd={SECRET}&x=1",
    f"http://cam/stream?{SECRET}/more",
    f"rtsp://10.0.0.7/user=admin_password={SECRET}_channel=1_stream=0.sdp",
    f"rtsp://admin:p@ss:{SECRET}@cam/live",
    f"gst:rtspsrc location=rtsp://admin:{SECRET}@cam/live user-pw={SECRET} ! decodebin ! appsink",
]


@pytest.mark.parametrize("text", ADDRESSES)
def test_no_way_of_showing_a_source_holds_its_credentials(text):
    source = parse_source(text)
    assert SECRET in source.address
    for shown in (source.shown, repr(source), str(source), redact(text)):
        assert SECRET not in shown


@pytest.mark.parametrize(
    "text",
    [
        f"rtps://admin:{SECRET}@cam/live",
        f"admin:{SECRET}@cam/live",
        f"rtsp://admin:{SECRET}#x/y@cam:notaport/live",
        f"rtsp://admin:{SECRET} @cam/li ve",
        f"rtspsrc location=rtsp://u:{SECRET}@cam ! fakesink",
        f"\0admin:{SECRET}@cam",
    ],
)
def test_refusing_a_source_does_not_tell_its_credentials(text):
    with pytest.raises(OptionError) as refused:
        parse_source(text)
    seen = refused.value
    while seen is not None:
        assert SECRET not in str(seen)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


@given(
    st.sampled_from(["rtsp", "http", "https", "ftp", "x"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="@"), max_size=20),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="@"), max_size=20),
)
def test_whatever_a_password_is_made_of_it_is_not_shown(scheme, before, after):
    assert SECRET not in redact(f"{scheme}://{before}{SECRET}{after}@host/live")
    assert SECRET not in redact(f"{scheme}://user:{before}@{SECRET}{after}@host/live")


def test_a_source_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        parse_source("0").address = "1"


@pytest.mark.skipif(
    cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER), reason="this OpenCV has GStreamer, so nothing is to be said"
)
def test_a_pipeline_without_gstreamer_says_what_is_missing_and_what_to_do():
    with pytest.raises(CameraError, match=r"built without GStreamer.*use the system's"):
        Watching(parse_source("videotestsrc ! appsink")).camera.start()
    assert capture_threads() == []


@pytest.mark.skipif(os.path.exists("/dev/video63"), reason="this machine has a 64th camera")
def test_a_device_that_is_not_there_is_a_lost_camera_not_a_wrong_option():
    with pytest.raises(CameraError, match="/dev/video63: it cannot be opened: is it plugged in"):
        open_reader(parse_source("63"), ReadingOptions(), None)
