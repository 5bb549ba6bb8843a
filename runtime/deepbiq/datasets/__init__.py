"""Pictures with human scores: the data sets that can be read, and what every reader returns."""

from deepbiq.datasets.biq2021 import read_biq2021
from deepbiq.datasets.data_set import DataSet
from deepbiq.datasets.rated import DataSetError, RatedPicture
from deepbiq.datasets.rating_scale import RatingScale
from deepbiq.datasets.ratings_csv import read_ratings_csv
from deepbiq.datasets.registry import dataset_names, find_dataset

__all__ = [
    "DataSet",
    "DataSetError",
    "RatedPicture",
    "RatingScale",
    "dataset_names",
    "find_dataset",
    "read_biq2021",
    "read_ratings_csv",
]
