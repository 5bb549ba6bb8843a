"""Telling systemd how the service is, and its watchdog that the loop still turns.

The protocol is a datagram of `KEY=value` lines to the socket that the environment names: sd_notify(3) and
sd_watchdog_enabled(3) of systemd.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping

SEND_SECONDS = 1.0

_LOGGER = logging.getLogger(__name__)


class SystemdService:
    """The service as systemd sees it; does nothing where systemd did not start the process.

    Args:
        live: Whether the loop turns. While it does not, the watchdog is not pinged, and systemd restarts the
            service.
        environment: Usually `os.environ`: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID.
    """

    def __init__(self, live: Callable[[], bool], environment: Mapping[str, str] = os.environ) -> None:
        self._live = live
        self._address = _address(environment)
        self._ping_every_s = _ping_every_s(environment)
        self._stop = threading.Event()
        self._pinging: threading.Thread | None = None

    def ready(self) -> None:
        """Says that the service is up; from now on the watchdog is pinged."""
        self._send("READY=1")
        if self._address is not None and self._ping_every_s is not None and self._pinging is None:
            self._pinging = threading.Thread(
                target=self._ping, args=(self._ping_every_s,), name="deepbiq-watchdog", daemon=True
            )
            self._pinging.start()

    def status(self, text: str) -> None:
        """Shows one line in `systemctl status`."""
        self._send(f"STATUS={' '.join(text.split())}")

    def stopping(self) -> None:
        """Says that the service is about to end. Pings go on until `close`: stopping may take a moment, too."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Ends the pings."""
        self._stop.set()
        if self._pinging is not None:
            self._pinging.join()

    def _ping(self, every_s: float) -> None:
        while not self._stop.wait(every_s):
            if self._live():
                self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(SEND_SECONDS)
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            _LOGGER.warning("systemd was not told %s: %s", message, error)


def _address(environment: Mapping[str, str]) -> str | None:
    name = environment.get("NOTIFY_SOCKET", "")
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else None


def _ping_every_s(environment: Mapping[str, str]) -> float | None:
    period_us = environment.get("WATCHDOG_USEC", "")
    if not period_us.isdecimal() or environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(period_us) / 2e6  # sd_watchdog_enabled(3) recommends half of the time allowed
