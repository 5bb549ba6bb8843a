"""The RTSP server as a process that tests start, stop with SIGSTOP, kill and start again."""

from __future__ import annotations

import signal
import socket
import subprocess
from functools import cache
from pathlib import Path

SCRIPT = Path(__file__).parent / "servers" / "rtsp_server.py"
PYTHON = "/usr/bin/python3"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@cache
def missing_for_rtsp() -> str | None:
    """What keeps the server from running on this machine."""
    check = (
        "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0');"
        "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
        "assert Gst.ElementFactory.find('x264enc'), 'no x264enc'"
    )
    try:
        done = subprocess.run([PYTHON, "-c", check], capture_output=True, text=True, timeout=60)
    except OSError as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


class RtspProcess:
    """Runs until it is killed; may be started again on the same port with other options."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.process: subprocess.Popen | None = None

    def address(self, credentials: str = "") -> str:
        return f"rtsp://{credentials}127.0.0.1:{self.port}/video"

    def start(self, **options: object) -> None:
        arguments = [f"--{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen(
            [PYTHON, SCRIPT, f"--port={self.port}", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    def halt(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None
