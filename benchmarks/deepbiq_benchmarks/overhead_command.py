"""`deepbiq bench overhead`: the ratios that keep deepbiq lean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from deepbiq.cli.formats import ResultFormat
from deepbiq_benchmarks.checks import BOUND_MISSED, all_kept, check_lines, describe_all
from deepbiq_benchmarks.overhead_bounds import CALL_ROUNDS, checks_of_overhead


def overhead(
    picture: Annotated[Path, typer.Argument(help="A photo for the whole-process measurement.")],
    rounds: Annotated[int, typer.Option(min=1, help="Turns of call and bare run.")] = CALL_ROUNDS,
    process_rounds: Annotated[int, typer.Option(min=1, help="Counted rounds of whole processes.")] = 15,
    results: Annotated[Path | None, typer.Option(help="Write the result as a file into this folder.")] = None,
    fmt: Annotated[ResultFormat, typer.Option("--format", help="How the result is printed.")] = ResultFormat.TEXT,
) -> None:
    """Measure what deepbiq adds to the bare network, in time and memory; run it with nothing else running.

    Bounds: a call on a 512x512 array takes at most 1.10 times the bare ONNX Runtime run of the same graph; `deepbiq
    score` as a whole process at most 2.5 times a process that imports NumPy, OpenCV and ONNX Runtime; its peak
    memory is at most 350 MB; `import deepbiq` imports neither OpenCV nor ONNX Runtime. Ends with exit code 1 when a
    bound is missed.
    """
    from deepbiq.diagnosis import circumstances
    from deepbiq.scorer import load
    from deepbiq_benchmarks.overhead import call_against_bare_run, modules_of_import, process_against_imports
    from deepbiq_benchmarks.peers_material import read_bgr
    from deepbiq_benchmarks.results import check_writable, save_result

    check_writable(results)
    read_bgr(picture)
    with load(plan="dense", engine="onnxruntime") as scorer:
        identity = scorer.identity()
        call = call_against_bare_run(scorer, rounds=rounds)
    process = process_against_imports(picture, warm_up=2, rounds=process_rounds)
    imported = modules_of_import()
    checks = checks_of_overhead(call, process, imported)
    passes = all_kept(checks)
    measured = {"call": call, "process": process, "heavy_modules_of_import_deepbiq": imported}
    result = {**identity, **measured, "checks": describe_all(checks), "passes": passes, **circumstances()}
    if results is not None:
        words = ("overhead", identity["plan"], identity["engine"], identity["precision"])
        typer.echo(f"deepbiq: wrote {save_result(results, words, result)}", err=True)
    typer.echo(json.dumps(result, indent=2) if fmt is ResultFormat.JSON else _as_text(result))
    if not passes:
        raise typer.Exit(BOUND_MISSED)


def _as_text(result: dict[str, Any]) -> str:
    call, process, imported = result["call"], result["process"], result["heavy_modules_of_import_deepbiq"]
    lines = [
        f"call {call['call_ms']:.2f} ms / bare run {call['bare_run_ms']:.2f} ms = {call['ratio']:.3f}",
        f"score process {process['score_process_ms']:.0f} ms / imports {process['imports_process_ms']:.0f} ms = "
        f"{process['ratio']:.2f}",
        f"import deepbiq imports {', '.join(imported) or 'neither cv2 nor onnxruntime'}",
    ]
    return "\n".join([*lines, *check_lines(result["checks"])])
