"""`deepbiq bench overhead`: the ratios that keep deepbiq lean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from deepbiq_benchmarks.formats import ResultFormat

CALL_LIMIT = 1.10
PROCESS_LIMIT = 2.5
MEMORY_LIMIT_MB = 350.0


def overhead(
    picture: Annotated[Path, typer.Argument(help="A photo for the whole-process measurement.")],
    rounds: Annotated[int, typer.Option(min=1, help="Turns of call and bare run.")] = 20,
    process_rounds: Annotated[int, typer.Option(min=1, help="Counted rounds of whole processes.")] = 15,
    results: Annotated[Path | None, typer.Option(help="Write the result as a file into this folder.")] = None,
    fmt: Annotated[ResultFormat, typer.Option("--format", help="How the result is printed.")] = ResultFormat.TEXT,
) -> None:
    """Measure what deepbiq adds to the bare network, in time and memory; run it with nothing else running.

    Three bounds are kept: a call on a 512x512 array takes at most 1.10 times the bare ONNX Runtime run of the same
    graph; `deepbiq score` as a whole process at most 2.5 times a process that imports NumPy, OpenCV and ONNX
    Runtime; its peak memory is at most 350 MB. Ends with exit code 1 when one is missed.
    """
    from deepbiq.diagnosis import circumstances
    from deepbiq.scorer import load
    from deepbiq_benchmarks.overhead import call_against_bare_run, modules_of_import, process_against_imports
    from deepbiq_benchmarks.results import check_writable, save_result

    check_writable(*([results / "result.json"] if results else []))
    with load(plan="dense", engine="onnxruntime") as scorer:
        identity = scorer.identity()
        call = call_against_bare_run(scorer, rounds=rounds)
    process = process_against_imports(picture, warm_up=2, rounds=process_rounds)
    imported = modules_of_import()
    passes = {
        "call": call["ratio"] <= CALL_LIMIT,
        "process": process["ratio"] <= PROCESS_LIMIT,
        "memory": process["peak_memory_mb"] <= MEMORY_LIMIT_MB,
        "import": not imported,
    }
    measured = {"call": call, "process": process, "heavy_modules_of_import_deepbiq": imported, "passes": passes}
    result = {**identity, **measured, **circumstances()}
    if results is not None:
        words = ("overhead", identity["plan"], identity["engine"], identity["precision"])
        typer.echo(f"deepbiq: wrote {save_result(results, words, result)}", err=True)
    if fmt is ResultFormat.JSON:
        typer.echo(json.dumps(result, indent=2))
    else:
        typer.echo(_as_text(call, process, imported))
    if not all(passes.values()):
        raise typer.Exit(1)


def _as_text(call: dict[str, Any], process: dict[str, Any], imported: list[str]) -> str:
    call_ms, bare_ms = call["call_ms"], call["bare_run_ms"]
    score_ms, imports_ms = process["score_process_ms"], process["imports_process_ms"]
    rows = (
        ("call / bare run", f"{call_ms:.2f} ms / {bare_ms:.2f} ms = {call['ratio']:.3f} (at most {CALL_LIMIT})"),
        (
            "score process / imports",
            f"{score_ms:.0f} ms / {imports_ms:.0f} ms = {process['ratio']:.2f} (at most {PROCESS_LIMIT})",
        ),
        ("peak memory", f"{process['peak_memory_mb']:.0f} MB (at most {MEMORY_LIMIT_MB:.0f})"),
        ("import deepbiq", f"imports {', '.join(imported) or 'neither cv2 nor onnxruntime'}"),
    )
    return "\n".join(f"{name:25}{value}" for name, value in rows)
