"""Pictures that users hand over as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.errors import ImageError
from deepbiq.imaging.decode import Picture
from deepbiq.imaging.fault import FaultError, printable
from deepbiq.imaging.limits import Limits, check_min_side

_WANTED = "a BGR uint8 array of shape (height, width, 3) is needed"
_DEFAULT_LIMITS = Limits()


def check_array(array: object, *, name: str = "<array>", limits: Limits = _DEFAULT_LIMITS) -> Picture:
    """Checks that an array is a picture.

    Args:
        array: What should be a NumPy array of shape (H, W, 3), uint8, in OpenCV's channel order BGR.
        name: What to call it in errors.
        limits: Upper limits.

    Returns:
        The picture. It shares the array's memory where that is C-contiguous; the array is never changed.

    Raises:
        ImageError: When it is anything else, or too small or too large.
    """
    try:
        pixels = _check_type(array)
        _check_shape(pixels)
        height, width = pixels.shape[:2]
        limits.check_size(width, height)
        check_min_side(width, height)
    except FaultError as fault:
        raise ImageError(printable(name), str(fault)) from fault
    return Picture(np.ascontiguousarray(pixels), (), width, height)


def _check_type(array: object) -> npt.NDArray[Any]:
    if not isinstance(array, np.ndarray):
        raise FaultError(f"{type(array).__module__}.{type(array).__qualname__} is no NumPy array: {_WANTED}")
    if array.dtype != np.uint8:
        raise FaultError(f"its values are {array.dtype}{_nan_remark(array)}: {_WANTED}")
    if isinstance(array, np.ma.MaskedArray):
        raise FaultError(f"it is a masked array, which may hide pixels: {_WANTED}")
    return array.view(np.ndarray)


def _nan_remark(array: npt.NDArray[Any]) -> str:
    if not np.issubdtype(array.dtype, np.inexact):
        return ""
    missing = int(np.isnan(array).sum())
    return f", {missing} of them NaN" if missing else ""


def _check_shape(array: npt.NDArray[Any]) -> None:
    hint = ""
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1):
        hint = "; make it so with cv2.cvtColor(array, cv2.COLOR_GRAY2BGR)"
    elif array.ndim == 3 and array.shape[2] == 4:
        hint = "; make it so with cv2.cvtColor(array, cv2.COLOR_BGRA2BGR)"
    elif array.ndim == 4:
        hint = "; hand over the pictures of a batch one by one"
    elif array.ndim == 3 and array.shape[0] == 3 and array.shape[2] != 3:
        hint = "; make it so with array.transpose(1, 2, 0)"
    if array.ndim != 3 or array.shape[2] != 3:
        raise FaultError(f"its shape is {array.shape}: {_WANTED}{hint}")
