"""Experiment I: the whole picture, shrunk and cut to the network's input, per set of weights (Table 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from deepbiq.errors import OptionError
from deepbiq.plans import Plan
from deepbiq.pooling import Pooling
from deepbiq_training.experiments import names
from deepbiq_training.experiments.material import Material
from deepbiq_training.experiments.network import Network
from deepbiq_training.experiments.outcome import describe_outcomes
from deepbiq_training.experiments.protocol import Protocol, draw_splits
from deepbiq_training.experiments.regression import split_outcomes
from deepbiq_training.experiments.report import (
    Report,
    draw_boxes,
    markdown_table,
    outcome_cells,
    outcome_header,
)
from deepbiq_training.progress import track

PLAN = Plan("whole")
POOLING: Pooling = "feature-avg"
"""Of one crop; any pooling of one vector is the vector itself."""


def compare_pretrained(material: Material, networks: Sequence[Network], protocol: Protocol) -> Report:
    """Runs Experiment I.

    Args:
        material: The pictures.
        networks: One for each set of weights.
        protocol: How pictures are split.

    Raises:
        DataSetError: When pictures cannot be read.
        FitError: When a regressor cannot be fitted.
        OptionError: When a network is given twice, or a part of a split would have too few pictures.
    """
    labels = _labels(networks)
    splits = draw_splits(material.groups, protocol)
    found = {}
    for label, network in zip(labels, networks, strict=True):
        features = network.features(material.pictures, PLAN)
        found[label] = [
            split_outcomes(features, material, split, PLAN, [POOLING])[POOLING]
            for split in track(splits, f"regressors on {label}")
        ]
    title = "Experiment I: the whole picture, pre-trained weights"
    rows = [[label, *outcome_cells(outcomes)] for label, outcomes in found.items()]
    header = ("network and weights", *outcome_header(next(iter(found.values()))))
    return Report(
        name=f"experiment-{names.PRETRAINED}-{material.description['dataset']}",
        title=title,
        result={
            "experiment": names.PRETRAINED,
            "material": material.description,
            "protocol": asdict(protocol),
            "plan": str(PLAN),
            "rows": [
                {"label": label, **network.describe(), **describe_outcomes(outcomes)}
                for (label, outcomes), network in zip(found.items(), networks, strict=True)
            ],
        },
        table=markdown_table(header, rows),
        figure=draw_boxes(title, found),
    )


def _labels(networks: Sequence[Network]) -> list[str]:
    """Names networks by backbone and weights; weights of the same name are told apart by their checksum."""
    names_only = [f"{network.backbone.spec.name}, {network.origin.source}" for network in networks]
    labels = [
        label if names_only.count(label) == 1 else f"{label} ({network.origin.key[:8]})"
        for label, network in zip(names_only, networks, strict=True)
    ]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise OptionError(f"the same network is given more than once: {'; '.join(repeated)}")
    return labels
