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
        *modules: Modules that it brings.

    Raises:
        MissingExtraError: When one is missing; the message has the command that installs it.
    """
    missing = [module for module in modules if not _is_installed(module)]
    if missing:
        raise MissingExtraError(
            f"this needs {', '.join(missing)}: install the extra with  pip install 'deepbiq[{extra}]'"
        )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        # Of a module inside a package, the package itself is missing.
        return False
