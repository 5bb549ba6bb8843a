"""How large a picture may be, and how small."""

from __future__ import annotations

from dataclasses import dataclass, fields

from deepbiq.errors import OptionError
from deepbiq.imaging.fault import FaultError

MIN_SIDE = 64
"""Shortest side, in pixels, of a picture that can be scored. Smaller ones would be mostly padding."""

_MEGA = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Upper limits that are checked before anything is read or allocated.

    Attributes:
        max_pixels: Most pixels (width times height, at full size) of a picture.
        max_bytes: Most bytes of an encoded picture.

    Raises:
        OptionError: When a limit is not a positive whole number.
    """

    max_pixels: int = 100 * _MEGA
    max_bytes: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise OptionError(f"{field.name} must be a positive whole number, not {value!r}")

    def check_size(self, width: int, height: int) -> None:
        """Refuses a picture without pixels or with too many.

        Args:
            width: Width in pixels as the header claims it.
            height: Height in pixels as the header claims it.

        Raises:
            FaultError: When a side is zero or the picture has more than `max_pixels` pixels.
        """
        if width <= 0 or height <= 0:
            raise FaultError(f"its size is {width}x{height}: no pixels")
        if width * height > self.max_pixels:
            raise FaultError(
                f"its size of {width}x{height} is {width * height / _MEGA:.1f} megapixels, "
                f"the limit is {self.max_pixels / _MEGA:g} (max_pixels)"
            )

    def check_bytes(self, count: int) -> None:
        """Refuses an encoded picture without bytes or with too many.

        Args:
            count: Its length in bytes.

        Raises:
            FaultError: When it is empty or longer than `max_bytes`.
        """
        if count == 0:
            raise FaultError("empty: 0 bytes")
        if count > self.max_bytes:
            raise FaultError(f"it has {count} bytes, the limit is {self.max_bytes} (max_bytes)")


def check_min_side(width: int, height: int) -> None:
    """Refuses a picture that is too small to be scored.

    Args:
        width: Width in pixels.
        height: Height in pixels.

    Raises:
        FaultError: When a side is shorter than `MIN_SIDE`.
    """
    if min(width, height) < MIN_SIDE:
        raise FaultError(f"its size of {width}x{height} is too small: at least {MIN_SIDE} pixels a side are needed")
