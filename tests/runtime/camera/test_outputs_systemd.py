import os
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from deepbiq.camera.config import parse_config
from deepbiq.camera.systemd import SystemdService
from tests.runtime.camera.output_events import eventually

UNITS = Path(__file__).parents[3] / "packaging" / "systemd"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """The socket of a service manager, and what NOTIFY_SOCKET says."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@deepbiq-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0"))
        receiver.settimeout(20)
        yield receiver, name


def drained(receiver):
    receiver.setblocking(False)
    messages = []
    with suppress(BlockingIOError):
        while True:
            messages.append(receiver.recv(4096))
    return messages


def test_it_says_what_the_service_does(manager):
    receiver, name = manager
    service = SystemdService(lambda: True, {"NOTIFY_SOCKET": name})
    service.ready()
    service.status("2 cameras,\nall live")
    service.stopping()
    service.close()
    assert [receiver.recv(4096) for _ in range(3)] == [b"READY=1", b"STATUS=2 cameras, all live", b"STOPPING=1"]


def test_pings_come_only_while_the_loop_lives(manager):
    receiver, name = manager
    alive = True
    asked = []

    def live():
        asked.append(alive)
        return alive

    service = SystemdService(
        live, {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "40000", "WATCHDOG_PID": str(os.getpid())}
    )
    service.ready()
    assert receiver.recv(4096) == b"READY=1"
    assert receiver.recv(4096) == b"WATCHDOG=1"
    alive = False
    assert eventually(lambda: asked.count(False) >= 3)
    assert len(drained(receiver)) < asked.count(True)
    assert eventually(lambda: asked.count(False) >= 6)
    assert drained(receiver) == []
    alive = True
    receiver.settimeout(20)
    assert receiver.recv(4096) == b"WATCHDOG=1"
    service.close()


@pytest.mark.parametrize(
    "watchdog", [{}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}]
)
def test_nobody_is_pinged_who_does_not_want_it(manager, watchdog):
    _, name = manager
    service = SystemdService(lambda: pytest.fail("was asked"), {"NOTIFY_SOCKET": name, **watchdog})
    service.ready()
    assert service._pinging is None
    service.close()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_without_systemd_nothing_happens(environment):
    service = SystemdService(lambda: True, environment)
    service.ready()
    service.status("up")
    service.stopping()
    assert service._pinging is None
    service.close()


def test_the_units_example_is_a_valid_configuration():
    config = parse_config((UNITS / "watch.toml").read_text(), "watch.toml")
    unit = (UNITS / "deepbiq-watch.service").read_text()
    assert config.web.token_file is not None
    assert f"LoadCredential={config.web.token_file.name}:" in unit
    assert config.best.folder is not None
    assert config.best.folder.parent == Path("/var/lib/deepbiq")


@pytest.fixture
def unit(tmp_path):
    """The unit, with a program that exists on this machine."""
    text = (UNITS / "deepbiq-watch.service").read_text()
    assert "ExecStart=/opt/deepbiq/bin/deepbiq watch " in text
    path = tmp_path / "deepbiq-watch.service"
    path.write_text(text.replace("/opt/deepbiq/bin/deepbiq", "/bin/true"))
    return path


@needs_systemd
def test_systemd_finds_no_fault_in_the_unit(unit):
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_the_unit_is_hardened(unit):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", unit],
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot judge a unit file")
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
