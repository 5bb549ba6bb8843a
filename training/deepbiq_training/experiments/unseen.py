"""How a bundle does on scenes that it was not trained on, so that nobody is fooled by repeated scenes.

The official split of a data set may be by picture: the same scene under other camera settings is then in both
parts, and figures on the whole test part flatter every method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from deepbiq.datasets import DataSetError, RatedPicture
from deepbiq.datasets.faults import list_faults
from deepbiq.scorer import Scorer
from deepbiq_training.experiments.outcome import Outcome, outcome_of
from deepbiq_training.experiments.report import Report, draw_boxes, markdown_table, outcome_cells, outcome_header
from deepbiq_training.scenes import find_scenes

NAME = "unseen"
_FEWEST = 3
"""Below three pictures no correlation says anything."""


def compare_unseen(
    dataset: str, training: Sequence[RatedPicture], test: Sequence[RatedPicture], scorer: Scorer
) -> Report:
    """Scores a test part and measures by whether a picture's scene occurs in the training part.

    Args:
        dataset: Name of the data set.
        training: Its training part.
        test: Its test part.
        scorer: The bundle, plan and engine.

    Raises:
        DataSetError: When pictures cannot be read.
    """
    scenes, rule = find_scenes([*training, *test])
    known = np.isin(scenes[len(training) :], scenes[: len(training)])
    predictions = _score(test, scorer)
    scores = np.array([picture.mos for picture in test])
    subsets = np.array([picture.subset for picture in test])
    parts = {"all": np.ones_like(known), "scene in training part": known, "scene unseen": ~known}
    parts |= {f"{name}, scene unseen": ~known & (subsets == name) for name in np.unique(subsets).tolist() if name}
    found = {
        label: (int(part.sum()), outcome_of(predictions[part], scores[part], None))
        for label, part in parts.items()
        if part.sum() >= _FEWEST
    }
    identity = scorer.identity()
    title = (
        f"{dataset} test part by scene: {identity['model']}, {identity['plan']}, {identity['precision'].upper()}"
    )
    return Report(
        name=f"experiment-{NAME}-{dataset}-{identity['plan'].replace(':', '')}",
        title=title,
        result={
            "experiment": NAME,
            "material": {"dataset": dataset, "split": "test", "n": len(test), "split_by": "the data set"},
            "same_scene": rule,
            **identity,
            "rows": [{"pictures": label, "n": n, **asdict(outcome)} for label, (n, outcome) in found.items()],
        },
        table=_table(found),
        figure=draw_boxes(title, {label: [outcome] for label, (_, outcome) in found.items()}),
    )


def _score(pictures: Sequence[RatedPicture], scorer: Scorer) -> npt.NDArray[np.float64]:
    results = list(scorer.stream([picture.path for picture in pictures]))
    faults = [str(result.error) for result in results if result.score is None]
    if faults:
        raise DataSetError(f"{len(faults)} pictures cannot be scored: {list_faults(faults)}")
    return np.array([result.score for result in results], dtype=np.float64)


def _table(found: dict[str, tuple[int, Outcome]]) -> str:
    rows = [[label, str(n), *outcome_cells([outcome])] for label, (n, outcome) in found.items()]
    return markdown_table(("pictures", "n", *outcome_header([next(iter(found.values()))[1]])), rows)
