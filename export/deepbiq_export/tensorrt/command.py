"""`deepbiq build`: from a bundle to TensorRT engines, on the device that will run them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from deepbiq.bundle import Bundle, default_bundle_path, open_bundle
from deepbiq.cli.formats import ResultFormat
from deepbiq.engines.tensorrt.request import BuildRequest, Family, family_of, request_for
from deepbiq.errors import OptionError
from deepbiq.plans import PLAN_FAMILIES, PLAN_HELP, Plan, parse_plan
from deepbiq_export.tensorrt.library import Target
from deepbiq_export.tensorrt.outcome import Outcome
from deepbiq_export.tensorrt.sizes import parse_size


def build(
    bundle: Annotated[
        Path | None,
        typer.Argument(
            help="Folder or zip of a bundle (default: the one that ships with deepbiq).", show_default=False
        ),
    ] = None,
    target: Annotated[
        Target,
        typer.Option(
            help="tensorrt: an engine for this very device, kept in the engine cache where scoring finds it. "
            "tensorrt-rtx: a proof, also without a GPU, that the graph parses and compiles; its plan is for "
            "desktop RTX GPUs and never an engine for a Jetson."
        ),
    ] = "tensorrt",
    precision: Annotated[
        str,
        typer.Option(help="fp32, fp16 or int8, which the bundle must hold; auto: fp16 where it does, else fp32."),
    ] = "auto",
    plan: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A sampling plan ({PLAN_HELP}) that an engine must serve, or crops, which is the same engine for "
            "all plans but dense; may be given more than once. Default: all that the bundle's plans need.",
            show_default=False,
        ),
    ] = None,
    dla: Annotated[
        int | None,
        typer.Option(
            help="Core of the deep learning accelerator (not every Jetson has one; FP16 and INT8 only). It takes "
            "batches of 25 crops, never the plan dense; layers that it cannot run fall back to the GPU."
        ),
    ] = None,
    workspace: Annotated[
        str | None, typer.Option(help="Most scratch memory of a kernel, for example 512M. Default: TensorRT's.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the plan, for tensorrt-rtx. Default: rtx in deepbiq's cache folder."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Build even what is in the engine cache.")] = False,
    allow_large_plan: Annotated[
        bool,
        typer.Option("--allow-large-plan", help="Keep a plan that is much larger than its weights."),
    ] = False,
    fmt: Annotated[
        ResultFormat, typer.Option("--format", help="text, or json for one array with an object per engine.")
    ] = ResultFormat.TEXT,
) -> None:
    """Build TensorRT engines from a bundle.

    The precision is that of the bundle's graph: nothing is calibrated or converted here. An engine for this device
    must reproduce the bundle's golden scores before it is kept. Exit code 4: no TensorRT, no device, no such graph,
    or an engine that was refused.
    """
    if out is not None and target == "tensorrt":
        raise OptionError("--out is for tensorrt-rtx: engines for this device belong into the engine cache")
    opened = open_bundle(default_bundle_path() if bundle is None else bundle)
    size = None if workspace is None else parse_size(workspace)
    families = _families(opened, plan or [])
    requests = [_request(opened, precision, family, workspace_bytes=size, dla=dla) for family in families]
    outcomes = []
    for request in requests:
        if target == "tensorrt":
            outcome = _build_for_this_device(opened, request, fresh=fresh, allow_large=allow_large_plan)
        else:
            outcome = _build_with_rtx(opened, request, out, allow_large=allow_large_plan)
        outcomes.append(outcome)
        if fmt is ResultFormat.TEXT:
            typer.echo("\n".join(outcome.lines()))
    if fmt is ResultFormat.JSON:
        typer.echo(json.dumps([outcome.to_dict() for outcome in outcomes], indent=2))


def _families(bundle: Bundle, plans: list[str]) -> list[Family]:
    """Names the kinds of engines that plans need; without plans those that the bundle offers."""
    if plans:
        return sorted({"crops" if text == "crops" else family_of(parse_plan(text)) for text in plans})
    offered = [family for family in PLAN_FAMILIES if family in bundle.manifest["plans"]]
    return sorted({family_of(Plan(family, 1 if family in ("random", "grid") else None)) for family in offered})


def _request(
    bundle: Bundle, precision: str, family: Family, *, workspace_bytes: int | None, dla: int | None
) -> BuildRequest:
    """States the engine that scoring would ask for, but for what the options change."""
    from deepbiq.engines.tensorrt.prepare import requested

    usual = requested(bundle, precision, family)
    if workspace_bytes is None and dla is None:
        return usual
    return request_for(
        usual.graph,
        family,
        workspace_bytes=usual.workspace_bytes if workspace_bytes is None else workspace_bytes,
        dla_core=usual.dla_core if dla is None else dla,
    )


def _build_for_this_device(bundle: Bundle, request: BuildRequest, *, fresh: bool, allow_large: bool) -> Outcome:
    from deepbiq.engines.tensorrt.prepare import Preparation, find_machine
    from deepbiq_export.tensorrt import builder, library

    library.import_library("tensorrt")
    made: list[builder.BuiltPlan] = []

    def build_plan(request: BuildRequest, *, target: Target, timing_cache: Path | None) -> bytes:
        made.append(builder.build(request, target=target, timing_cache=timing_cache, allow_large=allow_large))
        return made[-1].plan

    cached = Preparation(find_machine(), bundle, request).obtain(build_plan, fresh=fresh)
    remarks = (str(cached.proof), *_where_scoring_looks(request))
    return Outcome("tensorrt", request, cached.path, len(cached.plan), made[-1] if made else None, remarks)


def _where_scoring_looks(request: BuildRequest) -> list[str]:
    """Says what scoring must be told to use an engine that is not the one it would ask for."""
    from deepbiq.engines.tensorrt.prepare import DLA_VARIABLE, WORKSPACE_VARIABLE

    workspace_mib = None if request.workspace_bytes is None else request.workspace_bytes >> 20
    wanted = {DLA_VARIABLE: request.dla_core, WORKSPACE_VARIABLE: workspace_mib}
    missing = [
        f"{name}={value}"
        for name, value in wanted.items()
        if value is not None and os.environ.get(name) != str(value)
    ]
    return [f"scoring uses it when its environment holds {' '.join(missing)}"] if missing else []


def _build_with_rtx(bundle: Bundle, request: BuildRequest, out: Path | None, *, allow_large: bool) -> Outcome:
    from deepbiq.engines.tensorrt.cache_folder import engine_folder
    from deepbiq_export.tensorrt import builder, rtx_plan

    built = builder.build(request, target="tensorrt-rtx", allow_large=allow_large)
    folder = engine_folder().with_name("rtx") if out is None else out
    name = f"{bundle.manifest['name']}-{request.graph.key}-{request.family}"
    path = rtx_plan.keep_rtx_plan(folder, name, request, built)
    return Outcome("tensorrt-rtx", request, path, len(built.plan), built, (rtx_plan.WHAT_IT_IS,))
