"""Experiment II: how many crops, and how they are joined (Table 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from deepbiq.plans import Plan
from deepbiq.pooling import POOLINGS, Pooling
from deepbiq_training.experiments import names
from deepbiq_training.experiments.material import Material
from deepbiq_training.experiments.network import Network
from deepbiq_training.experiments.outcome import Outcome, describe_outcomes, median_outcome
from deepbiq_training.experiments.protocol import Protocol, Split, draw_splits
from deepbiq_training.experiments.regression import split_outcomes
from deepbiq_training.experiments.report import Report, markdown_table
from deepbiq_training.experiments.significance import LEVEL, fewest_as_good
from deepbiq_training.progress import track
from deepbiq_training.sampling import Features

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CROP_COUNTS = tuple(range(5, 55, 5))

Grid = Mapping[Pooling, Mapping[int, Sequence[Outcome]]]
"""For each pooling and number of crops the outcome of every split."""


def compare_poolings(
    material: Material, network: Network, protocol: Protocol, crop_counts: Sequence[int] = CROP_COUNTS
) -> Report:
    """Runs Experiment II.

    Every picture's crops are drawn once, as many as the largest number; a smaller number takes the first of them,
    which are exactly those that `random:N` draws.

    Args:
        material: The pictures.
        network: Pre-trained.
        protocol: How pictures are split; the t-test needs two splits at least.
        crop_counts: Numbers of crops, ascending.

    Raises:
        DataSetError: When pictures cannot be read.
        FitError: When a regressor cannot be fitted.
        OptionError: When a part of a split would have too few pictures.
    """
    features = network.features(material.pictures, Plan("random", crop_counts[-1]))
    grid = _fill_grid(features, material, draw_splits(material.groups, protocol), crop_counts)
    fewest = {pooling: fewest_as_good(_sroccs(by_count)) for pooling, by_count in grid.items()}
    return Report(
        name=f"experiment-{names.POOLING}-{material.description['dataset']}-{network.backbone.spec.name}",
        title="Experiment II: number of crops and pooling",
        result={
            "experiment": names.POOLING,
            "material": material.description,
            "protocol": asdict(protocol),
            **network.describe(),
            "t_test_level": LEVEL,
            "rows": [
                {"pooling": pooling, "crops": count, **describe_outcomes(outcomes)}
                for pooling, by_count in grid.items()
                for count, outcomes in by_count.items()
            ],
            "fewest_crops_as_good_as_the_best": fewest,
        },
        table=_table(grid, fewest),
        figure=_draw(grid, fewest),
    )


def _fill_grid(
    features: Sequence[Features], material: Material, splits: Sequence[Split], crop_counts: Sequence[int]
) -> Grid:
    grid: dict[Pooling, dict[int, list[Outcome]]] = {pooling: {} for pooling in POOLINGS}
    cells = [(count, split) for count in crop_counts for split in splits]
    for count, split in track(cells, "regressors"):
        first = [crops[:count] for crops in features]
        for pooling, outcome in split_outcomes(first, material, split, Plan("random", count)).items():
            grid[pooling].setdefault(count, []).append(outcome)
    return grid


def _sroccs(by_count: Mapping[int, Sequence[Outcome]]) -> dict[int, list[float]]:
    return {count: [outcome.srocc for outcome in outcomes] for count, outcomes in by_count.items()}


def _table(grid: Grid, fewest: Mapping[Pooling, int]) -> str:
    """Lays out PLCC / SROCC, the chosen number of crops in bold."""
    counts = list(next(iter(grid.values())))
    rows = []
    for count in counts:
        cells = []
        for pooling, by_count in grid.items():
            median = median_outcome(by_count[count])
            cell = f"{median.plcc:.3f} / {median.srocc:.3f}"
            cells.append(f"**{cell}**" if fewest[pooling] == count else cell)
        rows.append([str(count), *cells])
    caption = (
        "Median PLCC / SROCC. Bold: the fewest crops whose SROCC a two-sample t-test "
        f"({LEVEL:.0%}) cannot tell from the best number's."
    )
    return f"{markdown_table(('crops', *grid), rows)}\n\n{caption}"


def _draw(grid: Grid, fewest: Mapping[Pooling, int]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    for axes, measure in zip(figure.subplots(1, 2, sharex=True), ("plcc", "srocc"), strict=True):
        for pooling, by_count in grid.items():
            medians = {count: getattr(median_outcome(found), measure) for count, found in by_count.items()}
            (line,) = axes.plot(list(medians), list(medians.values()), marker=".", label=pooling)
            axes.plot(fewest[pooling], medians[fewest[pooling]], "o", fillstyle="none", color=line.get_color())
        axes.set(xlabel="crops", ylabel=f"median {measure.upper()}")
        axes.grid(color="0.9")
    axes.legend(frameon=False, fontsize=8)
    figure.suptitle("Experiment II; circles: the fewest crops as good as the best number", fontsize=10)
    return figure
