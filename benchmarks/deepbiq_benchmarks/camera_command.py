"""`deepbiq bench camera`: what watching costs here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from deepbiq.camera.sources import SOURCE_HELP
from deepbiq.cli.formats import ResultFormat
from deepbiq.engines import ENGINE_HELP
from deepbiq.extras import require_extra
from deepbiq_benchmarks.checks import BOUND_MISSED, Check, all_kept, check_lines, describe_all


def camera(
    source: Annotated[str, typer.Argument(help=f"What to watch: {SOURCE_HELP}.")],
    seconds: Annotated[float, typer.Option(min=2, help="How long to measure, after five seconds of warm-up.")] = 60,
    engine: Annotated[str, typer.Option(help=ENGINE_HELP)] = "auto",
    serve: Annotated[bool, typer.Option("--serve", help="Serve the web page as well, on any free port.")] = False,
    note: Annotated[str, typer.Option(help="What the source is, for the results file.")] = "",
    results: Annotated[Path | None, typer.Option(help="Write the result as a file into this folder.")] = None,
    fmt: Annotated[ResultFormat, typer.Option("--format", help="How the result is printed.")] = ResultFormat.TEXT,
) -> None:
    """Watch a camera as `deepbiq watch` does, and measure frames a second, age of results, drops, load and memory.

    Bounds: results are at most two frame intervals old at p95; memory grows by at most 20 MB. The source's own
    frame rate is the load: to measure at 15 frames a second take a source that gives as many. Run it with nothing
    else running. Ends with exit code 1 when a bound is missed.
    """
    require_extra("camera", "pydantic", "prometheus_client")
    from deepbiq.camera.config import check_config
    from deepbiq.camera.sources import redact
    from deepbiq.diagnosis import circumstances
    from deepbiq_benchmarks.camera import checks_of_camera, watch_camera
    from deepbiq_benchmarks.results import check_writable, save_result

    check_writable(results)
    config = check_config(
        {
            "score": {"engine": engine},
            "web": {"serve": serve, "port": 0},
            "camera": [{"name": "camera", "source": source}],
        },
        "options",
    )
    measured = watch_camera(config, seconds)
    checks = checks_of_camera(measured)
    result = {
        "benchmark": "camera",
        "source": note or redact(source),
        "served": serve,
        **measured,
        "checks": {check.what: {**check.describe(), "bound": check.bound} for check in checks},
        **circumstances(),
    }
    typer.echo(json.dumps(result, indent=2) if fmt is ResultFormat.JSON else _text(result, checks))
    if results is not None:
        size = f"{measured['width']}x{measured['height']}"
        rate = f"{round(measured['captured_per_s'])}fps"
        saved = save_result(results, ("camera", size, rate, measured["engine"], measured["precision"]), result)
        typer.echo(f"deepbiq: wrote {saved}", err=True)
    if not all_kept(checks):
        raise typer.Exit(BOUND_MISSED)


def _text(result: dict[str, Any], checks: list[Check]) -> str:
    age, memory = result["age_ms"], result["memory_mb"]
    size, frames = f"{result['width']}x{result['height']}", result["n"] + result["dropped"]
    lines = [
        f"{result['source']}: {size}, {result['captured_per_s']:.2f} frames a second, {result['seconds']:.0f} s",
        f"scored {result['scored_per_s']:.2f} a second, {result['dropped']} of {frames} dropped",
        "age of results: " + ", ".join(f"{name} {ms:.1f} ms" for name, ms in age.items()),
        f"busy: {result['cores_busy']:.2f} of {result['cores']} cores",
        f"memory: {memory['begin']:.0f} MB, at the end {memory['end']:.0f} MB, most {memory['most']:.0f} MB",
    ]
    return "\n".join([*lines, *check_lines(describe_all(checks))])
