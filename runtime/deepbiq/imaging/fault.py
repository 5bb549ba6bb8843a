"""What the parsers raise: they know what is wrong, but not how the picture is called."""

from __future__ import annotations


class FaultError(Exception):
    """A fault in a picture, to be turned into an `ImageError` by whoever knows the picture's name."""


def printable(text: str) -> str:
    """Makes a name safe for one line of a terminal, a log or a JSON file.

    Undecodable bytes of a file name arrive as lone surrogates (PEP 383), which no UTF-8 stream can print,
    and a name may hold line feeds or escape sequences; all of these become backslash escapes.

    Args:
        text: Any string.

    Returns:
        The same string with every unprintable character escaped.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
