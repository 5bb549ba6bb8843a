"""The configuration: defaults, refusals that name the key, and a text that reads back as itself."""

import json

import cv2
import pytest
import tomlkit
from typer.testing import CliRunner

from deepbiq.camera import assembly
from deepbiq.camera.config import DecisionSection, WatchConfig, parse_config
from deepbiq.camera.config_text import config_text
from deepbiq.cli.main import app
from deepbiq.errors import OptionError

CAMERA = '[[camera]]\nname = "door"\nsource = "0"\n'


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[decison]\naccept = 3", "unknown key decison"),
        ("[decision]\naccpt = 3", "unknown key decision.accpt"),
        ("[decision]\naccept = 101", "decision.accept"),
        ("[decision]\naccept = nan", "decision.accept"),
        ("[decision]\naccept = 30\nreject = 40", "must not lie above"),
        ("[best]\ncount = 'x'", "best.count"),
        ("[drift]\nlasting_s = 100\nbaseline_s = 50", "must exceed"),
        ("[mqtt]\ntopic = 'a/#'", "mqtt.topic"),
        ("[mqtt]\ndiscovery = 'ha/+'", "mqtt.discovery"),
        ("[mqtt]\nhost = ''", "mqtt.host: no host name and no IP address"),
        ("[mqtt]\nhost = 'a..b'", "mqtt.host: no host"),
        (f"[mqtt]\nhost = '{64 * 'a'}'", "mqtt.host: no host"),
        ("[mqtt]\nhost = 'localhost:1884'", "the port is mqtt.port, encryption mqtt.tls (got 'localhost:1884')"),
        ("[mqtt]\nhost = 'mqtt://localhost'", "mqtt.host: no host"),
        ("[mqtt]\nhost = '[::1]:1883'", "mqtt.host: no host"),
        (CAMERA + CAMERA, "two cameras are called door"),
        (CAMERA.replace("door", "../door"), "camera.0.name"),
        ("decision =", "no valid TOML"),
    ],
)
def test_what_is_wrong_is_named(text, named):
    with pytest.raises(OptionError, match=r"file\.toml") as raised:
        parse_config(text, "file.toml")
    assert named in str(raised.value)


@pytest.mark.parametrize(
    "host", ["localhost", "broker_1.lan.", "bücher.example", "192.0.2.1", "::1", "fe80::1%eth0"]
)
def test_brokers_have_names_or_addresses(host):
    assert parse_config(f"[mqtt]\nhost = '{host}'\ndiscovery = ''", "file.toml").mqtt.host == host


def test_the_text_reads_back_as_the_same_configuration():
    given = parse_config(CAMERA + "[camera.decision]\naccept = 70.5\n[best]\nfolder = 'x'\nwindow_s = 3\n", "given")
    assert parse_config(config_text(given), "written") == given
    assert parse_config(config_text(WatchConfig()), "written") == WatchConfig()


def test_the_text_explains_its_keys():
    written = config_text(WatchConfig())
    for section in WatchConfig.model_fields.values():
        for name, field in getattr(section.annotation, "model_fields", {}).items():
            assert f"{name} =" in written
            assert field.description is None or field.description in written


def test_the_command_shows_the_result_without_passwords(tmp_path):
    file = tmp_path / "watch.toml"
    file.write_text(CAMERA.replace('"0"', '"rtsp://me:hunter2@192.0.2.1/stream"'))
    for fmt, read in (("toml", tomlkit.parse), ("json", json.loads)):
        done = run("config", str(file), "--format", fmt)
        assert done.exit_code == 0, done.output
        assert "hunter2" not in done.output
        assert read(done.stdout)["camera"][0]["name"] == "door"


def test_a_missing_file_and_a_bad_one_end_with_usage(tmp_path):
    assert run("config", str(tmp_path / "none.toml")).exit_code == 2
    (tmp_path / "bad.toml").write_text("[x]\n")
    done = run("config", str(tmp_path / "bad.toml"))
    assert (done.exit_code, "unknown key x" in done.output) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "no camera to watch"),
        (["nothing-here.mp4"], "nothing-here.mp4"),
        (["--mqtt", "", "."], "mqtt.host"),
        (["--window", "4", "--count", "2", "."], "--window, --count: nothing is kept without --best FOLDER"),
        (["--best", "x", "."], "--best: nothing is kept without --window"),
        (["--quota-mb", "4", "."], "--quota-mb: nothing is kept"),
        (["--trigger-stdin", "."], "--trigger-stdin: nothing is kept"),
        (["--host", "127.0.0.1", "--port", "0", "."], "--host, --port: nothing is served without --serve"),
        (["--token-file", "token", "--no-serve", "."], "--token-file: nothing is served"),
        (["--accept", "30", "--reject", "40", "0"], "must not lie above"),
        (["--serve", "--host", "0.0.0.0", "."], "token"),
    ],
)
def test_watch_refuses_what_it_cannot_do(arguments, named):
    done = run("watch", *arguments)
    assert (done.exit_code, named in done.output) == (2, True), done.output


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """Runs the command up to the watching; returns the configuration that it would watch by."""

    def invoke(text, *arguments):
        taken = []

        def stop_here(config, *_):
            taken.append(config)
            raise OptionError("far enough")

        monkeypatch.setattr(assembly, "watching", stop_here)
        file = tmp_path / "watch.toml"
        file.write_text(text)
        done = run("watch", "--config", str(file), *arguments)
        assert "far enough" in done.output
        return taken[0]

    return invoke


def test_options_win_over_what_the_cameras_of_the_file_have_of_their_own(watched):
    yard = CAMERA.replace("door", "yard") + "max_fps = 25\n[camera.decision]\naccept = 70\nreject = 35\n"
    found = watched(CAMERA + yard, "--max-fps", "2", "--accept", "80", "--smoothing", "3")
    assert [camera.max_fps for camera in found.camera] == [2, 2]
    assert found.decision == DecisionSection(accept=80, smoothing_s=3)
    assert [camera.decision for camera in found.camera] == [
        None, DecisionSection(accept=80, reject=35, smoothing_s=3)
    ]  # fmt: skip


def test_what_options_need_may_stand_in_the_file(watched):
    found = watched(
        "[best]\nfolder = 'x'\n[web]\nserve = true\n", "--window", "4", "--trigger-stdin", "--port", "0"
    )
    assert (found.best.window_s, found.web.port) == (4, 0)


def test_what_no_option_names_stays_as_the_file_has_it(watched):
    text = CAMERA + "max_fps = 25\n[camera.decision]\naccept = 70\n[web]\nport = 1\n"
    assert watched(text) == parse_config(text, "file.toml")


@pytest.mark.skipif(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER), reason="this OpenCV has GStreamer")
def test_a_source_that_can_never_be_opened_here_ends_with_camera_lost():
    done = run("watch", "csi:0")
    assert done.exit_code == 5
    assert "built without GStreamer" in done.output


def test_a_file_that_is_no_video_ends_with_camera_lost(tmp_path):
    file = tmp_path / "no.mp4"
    file.write_text("no video")
    done = run("watch", str(file))
    assert done.exit_code == 5
    assert f"deepbiq: camera camera: {file}: no video that OpenCV can read" in done.stderr
