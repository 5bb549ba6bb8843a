"""Who may use the service: loopback without a token, everybody else with one, or with a session made from it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import stat
import time
from collections.abc import Callable
from pathlib import Path

from deepbiq.camera.config import WebSection
from deepbiq.errors import OptionError

SESSION_S = 30 * 86400
"""Seconds that a session lasts; changing the token ends all at once."""
_LEAST_CHARACTERS = 16
_HOW = "make one with  (umask 077; python3 -c 'import secrets; print(secrets.token_urlsafe(32))' > FILE)"


def is_loopback(host: str) -> bool:
    """Tells whether an address to bind to is reachable from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def required_token(web: WebSection) -> str | None:
    """Reads the token that the configuration asks for; None where none is needed.

    Raises:
        OptionError: When the address is not loopback and no token is configured, or its file cannot be used.
    """
    if web.token_file is not None:
        return read_token(web.token_file)
    check_open_to(web.host, None)
    return None


def check_open_to(host: str, token: str | None) -> None:
    """Refuses to serve an address that others can reach without a token; raises OptionError."""
    if token is None and not is_loopback(host):
        raise OptionError(
            f"web.host {host} can be reached from other machines, which needs a token: {_HOW} "
            "and set web.token_file to FILE, or set web.host to 127.0.0.1"
        )


def read_token(path: Path) -> str:
    """Reads a token file.

    Raises:
        OptionError: When it cannot be read, everybody may read it, or it holds no usable token.
    """
    try:
        if path.stat().st_mode & stat.S_IROTH:
            raise OptionError(f"web.token_file {path} can be read by everybody: chmod 600 {path}")
        token = path.read_text("ascii").strip()
    except OSError as error:
        raise OptionError(f"web.token_file {path} cannot be read: {error.strerror}; {_HOW}") from error
    except UnicodeDecodeError as error:
        raise OptionError(f"web.token_file {path} holds characters other than ASCII: {_HOW}") from error
    if len(token) < _LEAST_CHARACTERS or not token.isprintable() or " " in token:
        raise OptionError(
            f"web.token_file {path} must hold one token of at least {_LEAST_CHARACTERS} characters "
            f"without spaces, got {len(token)} characters: {_HOW}"
        )
    return token


class Sessions:
    """Tells right tokens and sessions from wrong ones, in constant time.

    A session is its end and a signature by the token: nothing has to be kept, and it outlives restarts.

    Args:
        token: What has to be known.
        clock: Unix seconds.
    """

    def __init__(self, token: str, clock: Callable[[], float] = time.time) -> None:
        self._token = token.encode()
        self._clock = clock

    def is_token(self, candidate: str) -> bool:
        """Tells whether somebody knows the token."""
        return hmac.compare_digest(candidate.encode(), self._token)

    def begin(self) -> str:
        """Returns a session that lasts `SESSION_S`."""
        end = str(int(self._clock() + SESSION_S))
        return f"{end}.{self._signature(end)}"

    def is_session(self, candidate: str) -> bool:
        """Tells whether `begin` returned it and it has not ended."""
        end, _, signature = candidate.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(end).encode()):
            return False
        return self._clock() < int(end)

    def _signature(self, end: str) -> str:
        return hmac.new(self._token, b"deepbiq session " + end.encode(), hashlib.sha256).hexdigest()
