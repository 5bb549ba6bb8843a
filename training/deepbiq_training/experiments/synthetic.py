"""The synthetic protocol: many splits by reference picture, the network as it is, only the SVR trained again.

Bianco et al. 2016, Tables 6 to 9: LIVE, CSIQ, TID2008 and TID2013 with a network fine-tuned on LIVE In the Wild.
"""

from __future__ import annotations

from dataclasses import asdict

from deepbiq.errors import OptionError
from deepbiq.plans import Plan
from deepbiq.pooling import Pooling
from deepbiq_training.experiments import names
from deepbiq_training.experiments.material import BY_REFERENCE, Material
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


def run_synthetic(material: Material, network: Network, protocol: Protocol, plan: Plan, pooling: Pooling) -> Report:
    """Runs the synthetic protocol.

    Args:
        material: The pictures; the data set must name the reference picture of each.
        network: Pre-trained, or fine-tuned on another data set.
        protocol: How references are split.
        plan: Which crops or windows.
        pooling: How they are joined.

    Raises:
        DataSetError: When pictures cannot be read.
        FitError: When a regressor cannot be fitted.
        OptionError: When the data set has no reference pictures, or too few.
    """
    if material.description["split_by"] != BY_REFERENCE:
        raise OptionError(
            f"{material.description['dataset']} names no reference pictures, so pictures made from the same one "
            "cannot be kept together: take another experiment"
        )
    features = network.features(material.pictures, plan)
    outcomes = [
        split_outcomes(features, material, split, plan, [pooling])[pooling]
        for split in track(draw_splits(material.groups, protocol), "regressors")
    ]
    dataset, key = material.description["dataset"], network.origin.key[:8]
    label = f"{network.backbone.spec.name}, {plan}, {pooling}"
    title = f"Synthetic protocol: {protocol.iterations} splits by reference picture"
    return Report(
        name=f"experiment-{names.SYNTHETIC}-{dataset}-{network.backbone.spec.name}-{key}",
        title=title,
        result={
            "experiment": names.SYNTHETIC,
            "material": material.description,
            "protocol": asdict(protocol),
            "plan": str(plan),
            "pooling": pooling,
            **network.describe(),
            **describe_outcomes(outcomes),
        },
        table=markdown_table(("method", *outcome_header(outcomes)), [[label, *outcome_cells(outcomes)]]),
        figure=draw_boxes(title, {label: outcomes}),
    )
