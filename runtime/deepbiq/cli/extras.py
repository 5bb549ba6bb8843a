"""Verbs whose packages are an extra: say which one to install instead of a traceback."""

from __future__ import annotations

from importlib.util import find_spec

from deepbiq.errors import DeepBIQError


class MissingExtraError(DeepBIQError, ImportError):
    """A verb needs packages that are not installed."""


def require_extra(extra: str, *modules: str) -> None:
    """Checks that the packages of an extra are installed, without importing them.

    Args:
        extra: Name of the extra in deepbiq's own metadata.
        *modules: Top-level modules that it brings.

    Raises:
        MissingExtraError: When one is missing; the message has the command that installs it.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise MissingExtraError(
            f"this needs {', '.join(missing)}: install the extra with  pip install 'deepbiq[{extra}]'"
        )
