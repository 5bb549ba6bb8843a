"""Reading every picture of a list, so that one error names all that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from deepbiq.datasets import DataSetError, RatedPicture
from deepbiq.datasets.faults import list_faults
from deepbiq.errors import ImageError
from deepbiq.imaging import Limits, read_bytes
from deepbiq_training.progress import track

_Result = TypeVar("_Result")


def read_each(
    pictures: Sequence[RatedPicture], label: str, use: Callable[[RatedPicture, bytes], _Result]
) -> list[_Result]:
    """Reads each picture's file and hands it on.

    Args:
        pictures: The pictures.
        label: What is being done, for the progress bar.
        use: Takes a picture and the bytes of its file; may raise ImageError.

    Returns:
        The results in order.

    Raises:
        DataSetError: After all others were used, when some cannot be read; the message lists them.
    """
    results: list[_Result] = []
    faults: list[str] = []
    for picture in track(pictures, label):
        try:
            results.append(use(picture, read_bytes(picture.path, Limits())))
        except ImageError as error:
            faults.append(str(error))
    if faults:
        raise DataSetError(f"{len(faults)} pictures cannot be read: {list_faults(faults)}")
    return results
