"""`deepbiq export`: from a checkpoint to a bundle."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from deepbiq.errors import OptionError
from deepbiq.extras import require_extra

SAMPLES = Path("samples")


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Folder that `deepbiq train` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; a bundle that is there is replaced.")],
    golden: Annotated[
        Path, typer.Option(help="Folder of photographs that the bundle's golden pictures are cut from.")
    ] = SAMPLES,
    half_weights: Annotated[
        bool,
        typer.Option(
            "--half-weights",
            help="Store the large weights of the FP32 graph in half precision: half the file. Refused where it "
            "moves a score by more than 0.1.",
        ),
    ] = False,
    name: Annotated[
        str | None, typer.Option(help="What the bundle calls itself; without it network, kind and data set.")
    ] = None,
) -> None:
    """Turn a checkpoint into a bundle that scores without PyTorch, and prove that it gives the same values.

    The bundle holds the network in FP32 and in FP16; `deepbiq calibrate` adds INT8. Each graph goes from a picture
    to its score (output `score`), so any ONNX program can run it, and to window features for deepbiq's runtime.
    """
    require_extra("export", "torch", "onnx", "onnxscript", "safetensors")
    from deepbiq.bundle import check_place
    from deepbiq_export.bundling import export_bundle
    from deepbiq_export.from_pytorch import load_pytorch_checkpoint
    from deepbiq_export.golden import golden_pictures
    from deepbiq_export.manifest import default_name

    # Only our own lines: the exporter logs every step of its optimiser.
    logging.basicConfig(format="%(message)s")
    logging.getLogger("deepbiq_export").setLevel(logging.INFO)
    check_place(out)
    pictures = golden_pictures(golden)
    try:
        model = load_pytorch_checkpoint(checkpoint)
        export_bundle(model, out, name=name or default_name(model), golden=pictures, half_weights=half_weights)
    except OSError as error:
        raise OptionError(f"cannot write the bundle: {error}") from error
    typer.echo(out)
