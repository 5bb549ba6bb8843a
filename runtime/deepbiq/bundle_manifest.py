"""The manifest of a bundle: parsed, and everything that is taken from it there and of the right kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from deepbiq.errors import BundleError

SCHEMA = 1
_MOST_SHOWN = 60
"""Characters of a wrong value that a message shows."""

Kind = tuple[str, Callable[[object], bool]]
"""What a value must be, in words and as a test."""

_TEXT: Kind = ("a text", lambda value: isinstance(value, str))
_NUMBER: Kind = ("a number", lambda value: isinstance(value, int | float))
_COUNT: Kind = ("a whole number from 0 on", lambda value: type(value) is int and value >= 0)
_SIZE: Kind = ("a whole number above 0", lambda value: type(value) is int and value > 0)
_LIST: Kind = ("a list", lambda value: isinstance(value, list))
_OBJECT: Kind = ("an object", lambda value: isinstance(value, dict))
_FILLED: Kind = ("an object that is not empty", lambda value: isinstance(value, dict) and bool(value))

# Where a value stands: keys one inside the other, a star for every item of an object or list, where there is one.
_REQUIRED: dict[str, Kind] = {
    "name": _TEXT,
    "backbone": _TEXT,
    "feature.size": _SIZE,
    "feature.stride": _SIZE,
    "input.name": _TEXT,
    "input.size": _SIZE,
    "input.colour_order": _TEXT,
    "training_scale.short_side": _SIZE,
    "graphs": _FILLED,
    "graphs.*.file": _TEXT,
    "graphs.*.output": _TEXT,
    "graphs.*.calibration.costs.*.plan": _TEXT,
    "plans": _FILLED,
    "plans.*.regressors": _TEXT,
    "plans.*.pooling": _TEXT,
    "default.plan": _TEXT,
    "metrics": _LIST,
    **{f"metrics.*.{key}": _TEXT for key in ("dataset", "split", "plan", "pooling")},
    **{f"metrics.*.{key}": _NUMBER for key in ("n", "plcc", "srocc")},
    "golden.*.file": _TEXT,
    "golden.*.scores": _OBJECT,
    "golden.*.scores.*": _NUMBER,
    "files": _FILLED,
}
_OPTIONAL: dict[str, Kind] = {
    "feature.outer_windows": _COUNT,
    "graphs.*.golden": _OBJECT,
    "graphs.*.golden.*": _OBJECT,
    "graphs.*.golden.*.*": _NUMBER,
    "graphs.*.calibration": _OBJECT,
    "graphs.*.calibration.costs": _LIST,
    "golden": _LIST,
}
_MISSING = object()


def parse_manifest(text: bytes) -> dict[str, Any]:
    """Parses a manifest and checks what the runtime takes from it.

    Args:
        text: The file.

    Raises:
        BundleError: When it is no JSON, of another schema, or a value is missing or of the wrong kind.
    """
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"is not JSON ({error})") from error
    if not isinstance(manifest, dict) or type(manifest.get("schema")) is not int:
        raise BundleError("has no schema number")
    if manifest["schema"] != SCHEMA:
        advice = "update deepbiq" if manifest["schema"] > SCHEMA else "export the bundle again"
        raise BundleError(f"schema {manifest['schema']}, this deepbiq reads schema {SCHEMA}: {advice}")
    for where, kind in _REQUIRED.items():
        _check(manifest, where, kind, required=True)
    for where, kind in _OPTIONAL.items():
        _check(manifest, where, kind, required=False)
    return manifest


def _check(manifest: object, where: str, kind: Kind, *, required: bool) -> None:
    words, fits = kind
    for place, value in _values(manifest, where.split("."), ()):
        if value is _MISSING:
            if required:
                raise BundleError(f"lacks {'.'.join(place)}, {words}")
        elif not fits(value):
            shown = repr(value)[:_MOST_SHOWN]
            raise BundleError(f"{'.'.join(place)} must be {words}, got {shown}")


def _values(value: object, keys: Sequence[str], place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yields where each value stands that the keys lead to, and the value."""
    if not keys:
        yield place, value
    elif keys[0] != "*":
        inner = value.get(keys[0], _MISSING) if isinstance(value, dict) else _MISSING
        yield from _values(inner, keys[1:], (*place, keys[0]))
    elif isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _values(item, keys[1:], (*place, str(key)))
