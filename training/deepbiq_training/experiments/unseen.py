"""How a bundle does on scenes that it was not trained on, so that nobody is fooled by repeated scenes.

The official split of a data set may be by picture: the same scene under other camera settings is then in both
parts, and figures on the whole test part flatter every method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from deepbiq.agreement import MIN_PICTURES
from deepbiq.cli.progress import progress_bar
from deepbiq.datasets import RatedPicture
from deepbiq.datasets.prediction import predict
from deepbiq.scorer import Scorer
from deepbiq_training.experiments import names
from deepbiq_training.experiments.outcome import Outcome, outcome_of
from deepbiq_training.experiments.report import Report, draw_boxes, markdown_table, outcome_cells, outcome_header
from deepbiq_training.scenes import find_scenes


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
        ImageError: When pictures cannot be read.
    """
    scenes, rule = find_scenes([*training, *test])
    known = np.isin(scenes[len(training) :], scenes[: len(training)])
    with progress_bar("scoring", len(test)) as advance:
        predictions = predict(scorer, test, advance)
    scores = np.array([picture.mos for picture in test])
    subsets = np.array([picture.subset for picture in test])
    parts = {"all": np.ones_like(known), "scene in training part": known, "scene unseen": ~known}
    parts |= {f"{name}, scene unseen": ~known & (subsets == name) for name in np.unique(subsets).tolist() if name}
    found = {
        label: (int(part.sum()), outcome_of(predictions[part], scores[part], None))
        for label, part in parts.items()
        if part.sum() >= MIN_PICTURES
    }
    identity = scorer.identity()
    title = (
        f"{dataset} test part by scene: {identity['model']}, {identity['plan']}, {identity['precision'].upper()}"
    )
    return Report(
        name=f"experiment-{names.UNSEEN}-{dataset}-{identity['plan'].replace(':', '')}",
        title=title,
        result={
            "experiment": names.UNSEEN,
            "material": {"dataset": dataset, "split": "test", "n": len(test), "split_by": "the data set"},
            "same_scene": rule,
            **identity,
            "rows": [{"pictures": label, "n": n, **asdict(outcome)} for label, (n, outcome) in found.items()],
        },
        table=_table(found),
        figure=draw_boxes(title, {label: [outcome] for label, (_, outcome) in found.items()}),
    )


def _table(found: dict[str, tuple[int, Outcome]]) -> str:
    rows = [[label, str(n), *outcome_cells([outcome])] for label, (n, outcome) in found.items()]
    return markdown_table(("pictures", "n", *outcome_header([next(iter(found.values()))[1]])), rows)
