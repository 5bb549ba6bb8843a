"""Pictures with human scores: what every data set's reader returns."""

from deepbiq.datasets.biq2021 import read_biq2021
from deepbiq.datasets.rated import DataSetError, RatedPicture

__all__ = ["DataSetError", "RatedPicture", "read_biq2021"]
