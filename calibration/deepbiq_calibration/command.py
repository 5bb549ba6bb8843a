"""`deepbiq calibrate`: from a bundle and pictures to INT8 graphs whose cost is known and within a budget."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

import typer

from deepbiq.budget import Budget
from deepbiq.cli.progress import progress_bar
from deepbiq.datasets import dataset_names
from deepbiq.errors import OptionError
from deepbiq.extras import require_extra
from deepbiq.plans import PLAN_HELP

REPORT_FOLDER = Path("calibration-report")


def calibrate(
    bundle: Annotated[Path, typer.Argument(help="Folder or zip of a bundle with an FP32 graph.")],
    images: Annotated[
        Path,
        typer.Option(help="Folder of pictures, searched to the bottom, or of a data set in its official layout."),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            help=f"Name of the data set: {', '.join(dataset_names())}. Default: csv where the folder holds "
            "ratings.csv.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split of the data set. Default: train, or all where it has none.", show_default=False),
    ] = None,
    rating_scale: Annotated[
        str | None,
        typer.Option(help="Scale of the ratings in a csv: LOW..HIGH, or LOW..HIGH:lower (is better)."),
    ] = None,
    without_scores: Annotated[
        bool, typer.Option("--without-scores", help="Judge by score shift and label flips alone.")
    ] = False,
    flavour: Annotated[Literal["cpu", "tensorrt", "both"], typer.Option(help="Which graph to make.")] = "both",
    method: Annotated[
        Literal["auto", "minmax", "entropy", "percentile", "mse"],
        typer.Option(help="How ranges are chosen; auto takes what spreads scores least on calibration pictures."),
    ] = "auto",
    pictures: Annotated[int, typer.Option(help="Pictures to calibrate on.")] = 64,
    held_back_pictures: Annotated[int, typer.Option(help="Most pictures to check the budget on.")] = 600,
    held_back: Annotated[
        Path | None,
        typer.Option(
            help="File that names the pictures to hold back, one a line, for example those that the network was "
            "not trained on. Default: drawn.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    plan: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A plan that the budget must hold for besides the bundle's default ({PLAN_HELP}); repeatable.",
            show_default=False,
        ),
    ] = None,
    max_plcc_drop: Annotated[
        float, typer.Option(help="Bound of the drop of PLCC below FP32's.")
    ] = Budget.max_plcc_drop,
    max_srocc_drop: Annotated[
        float, typer.Option(help="Bound of the drop of SROCC below FP32's.")
    ] = Budget.max_srocc_drop,
    max_shift: Annotated[
        float, typer.Option(help="Bound of the mean absolute score shift, in points.")
    ] = Budget.max_shift,
    max_flips: Annotated[
        float, typer.Option(help="Bound of the pictures with another label, in percent.")
    ] = Budget.max_flips,
    headroom: Annotated[
        float,
        typer.Option(help="Share of each bound that is aimed at, as other pictures cost more or less."),
    ] = 0.8,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the bundle that is written. Default: BUNDLE.", show_default=False)
    ] = None,
    report: Annotated[Path, typer.Option(help="Folder of the report.")] = REPORT_FOLDER,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of one inference. Default: one per core.", show_default=False)
    ] = None,
) -> None:
    """Make INT8 graphs of a bundle's network, and hand them over only where scores stay within a budget.

    Ranges come from pictures that are drawn over the whole score range; the budget is checked on others, by the
    runtime as it scores. What helps is tried in this order: ranges, equalisation, rounding for the output, bias
    correction, layers left in float. Where the budget cannot be held the command ends with exit code 4, keeps the
    report, and leaves the bundle as it was.
    """
    require_extra("calibrate", "onnx", "matplotlib")
    from deepbiq_calibration.calibrating import Settings, calibrate_bundle
    from deepbiq_calibration.flavours import FLAVOURS
    from deepbiq_calibration.pictures import Source

    # Only our own lines: ONNX Runtime's quantiser logs what it does.
    logging.basicConfig(format="%(message)s")
    logging.getLogger("deepbiq_calibration").setLevel(logging.INFO)
    settings = Settings(
        flavours=FLAVOURS if flavour == "both" else (flavour,),
        method=None if method == "auto" else method,
        calibration=pictures,
        held_back=held_back_pictures,
        seed=seed,
        plans=tuple(plan or ()),
        budget=Budget(max_plcc_drop, max_srocc_drop, max_shift, max_flips),
        headroom=headroom,
        rated=not without_scores,
        threads=threads,
    )
    source = Source(images, dataset, split, rating_scale, held_back)
    try:
        with progress_bar("pictures and layers", None) as advance:
            calibrate_bundle(bundle, source, settings, out=out or bundle, report=report, advance=advance)
    except OSError as error:
        raise OptionError(
            f"a file of the calibration cannot be read or written ({error}): make room, or set TMPDIR"
        ) from error
    typer.echo(out or bundle)
