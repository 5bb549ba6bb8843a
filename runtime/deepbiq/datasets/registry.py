"""Data sets by name.

The runtime's own are listed here; the other rooms register theirs through the entry-point group `deepbiq.datasets`,
name -> `module:object`, and are imported when they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from deepbiq.datasets.data_set import DataSet
from deepbiq.datasets.rating_scale import RatingScale
from deepbiq.errors import OptionError

RUNTIME_DATASETS = {
    "biq2021": "deepbiq.datasets.biq2021:BIQ2021",
    "csv": "deepbiq.datasets.ratings_csv:RATINGS_CSV",
}


@cache
def _targets() -> Mapping[str, str]:
    registered = {entry.name: entry.value for entry in entry_points(group="deepbiq.datasets")}
    return {**registered, **RUNTIME_DATASETS}


def dataset_names() -> list[str]:
    """Returns the names of all data sets that can be read, sorted."""
    return sorted(_targets())


def find_dataset(name: str, rating_scale: str | None = None) -> DataSet:
    """Finds a data set by its name.

    Args:
        name: One of `dataset_names()`.
        rating_scale: `LOW..HIGH` or `LOW..HIGH:lower`, for a data set that leaves its scale to the user.

    Raises:
        OptionError: When there is no such data set, or a scale is given to one whose scale is fixed.
    """
    if name not in _targets():
        raise OptionError(f"unknown data set {name!r}: use {', '.join(dataset_names())}")
    module, _, attribute = _targets()[name].partition(":")
    found: DataSet = getattr(import_module(module), attribute)
    if rating_scale is None:
        return found
    if found.rescaled is None:
        raise OptionError(f"{name} has its own scale, {found.scale}: leave --rating-scale out")
    return found.rescaled(RatingScale.parse(rating_scale))
