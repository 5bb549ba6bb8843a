"""The tables of README and docs, made from the results files: `make tables`.

Each table stands in its document between two comment lines and is replaced as a whole, so no figure is typed.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepbiq.bundle import MANIFEST, default_bundle_path
from deepbiq.files import write_atomically
from deepbiq_benchmarks.archive_plan import archive_plan
from deepbiq_benchmarks.archive_table import archive_table
from deepbiq_benchmarks.camera_table import camera_table
from deepbiq_benchmarks.engines_table import engines_table
from deepbiq_benchmarks.files_table import files_table
from deepbiq_benchmarks.overhead_bounds import CALL_LIMIT, MEMORY_LIMIT_MB, PROCESS_LIMIT
from deepbiq_benchmarks.peers_text import checks_table, peers_summary_table, peers_table
from deepbiq_benchmarks.refit_table import refit_table
from deepbiq_benchmarks.results import NOT_MEASURED
from deepbiq_benchmarks.scaling_text import scaling_table

Result = dict[str, Any]
DOCUMENTS = (
    "README.md",
    "docs/model-card.md",
    "docs/archive.md",
    "docs/refit.md",
    "docs/speed.md",
    "benchmarks/README.md",
)
"""The files with tables, from the project's root."""

_PLAN_ORDER = ("dense", "random:25", "grid:25", "whole")


def accuracy_table(results: list[Result]) -> str:
    """Ours beside the published figures, as Markdown."""
    lines = [
        "| method | PLCC | SROCC | pictures | source |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| **deepbiq**, plan `{r['plan']}`, {r['precision'].upper()} | {_with_interval(r, 'plcc')} | "
            f"{_with_interval(r, 'srocc')} | official split, n = {r['n']:,} | measured |"
            for r in _test_results(results)
        ),
        *(
            f"| {row['method']} | {row['plcc']:.2f} | {row['srocc']:.2f} | {row['measured_on']} | {row['source']} |"
            for row in _experiment(results, "summary")["rows"]
            if row["source"] != "deepbiq"
        ),
    ]
    return "\n".join([*lines, "", _circumstances(_test_results(results)[0], of_rows=True)])


def subset_table(results: list[Result]) -> str:
    """Accuracy of every plan by subset, as Markdown."""
    lines = [
        "| plan | precision | pooling | pictures | n | PLCC | SROCC | KROCC | RMSE | MAE |",
        f"|{' --- |' * 10}",
    ]
    for result in _test_results(results):
        for name, row in {"all": result, **result["subsets"]}.items():
            lines.append(
                f"| `{result['plan']}` | {result['precision'].upper()} | {result['pool']} | {name} | {row['n']} | "
                f"{_with_interval(row, 'plcc')} | "
                f"{_with_interval(row, 'srocc')} | {row['krocc']:.3f} | {row['rmse']:.1f} | {row['mae']:.1f} |"
            )
    return "\n".join([*lines, "", _circumstances(_test_results(results)[0], of_rows=True)])


def overhead_table(results: list[Result]) -> str:
    """What deepbiq adds, as Markdown."""
    (result,) = (r for r in results if "call" in r)
    call, process = result["call"], result["process"]
    return "\n".join(
        [
            "| what | measured | bound |",
            "| --- | --- | --- |",
            "| scorer call on a 512x512 array / bare ONNX Runtime run of the same graph | "
            f"{call['call_ms']:.1f} ms / {call['bare_run_ms']:.1f} ms = {call['ratio']:.3f} | "
            f"{CALL_LIMIT:.2f} |",
            "| `deepbiq score` process / process that imports NumPy, OpenCV and ONNX Runtime | "
            f"{process['score_process_ms']:.0f} ms / {process['imports_process_ms']:.0f} ms = "
            f"{process['ratio']:.2f} | {PROCESS_LIMIT:g} |",
            f"| peak memory of that process | {process['peak_memory_mb']:.0f} MB | {MEMORY_LIMIT_MB:g} MB |",
            "",
            _circumstances(result),
        ]
    )


def validation_table(results: list[Result]) -> str:
    """What every plan and pooling of the default bundle reached when its hyper-parameters were chosen."""
    (manifest,) = (r for r in results if "metrics" in r)
    lines = ["| plan | pooling | n | PLCC | SROCC |", "| --- | --- | --- | --- | --- |"]
    for row in manifest["metrics"]:
        default = (
            " (default)" if manifest["plans"][row["plan"].partition(":")[0]]["pooling"] == row["pooling"] else ""
        )
        lines.append(
            f"| `{row['plan']}` | {row['pooling']}{default} | {row['n']} | {row['plcc']:.3f} | {row['srocc']:.3f} |"
        )
    return "\n".join(
        [*lines, "", f"*From the manifest of {manifest['name']}; data set {manifest['metrics'][0]['dataset']}.*"]
    )


def unseen_table(results: list[Result]) -> str:
    """Accuracy by whether a picture's scene occurs in the training part too, as Markdown."""
    result = _experiment(results, "unseen")
    lines = [
        f"| {row['pictures']} | {row['n']} | {row['plcc']:.3f} | {row['srocc']:.3f} | {row['rmse']:.1f} |"
        for row in result["rows"]
    ]
    header = ["| pictures | n | PLCC | SROCC | RMSE |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*header, *lines, "", _circumstances(result)])


def fine_tuning_table(results: list[Result]) -> str:
    """The best epoch of every fine-tuning whose log is kept, as Markdown."""
    lines = ["| log | epochs | best epoch | PLCC | SROCC |", "| --- | --- | --- | --- | --- |"]
    for result in (r for r in results if "log" in r):
        validated = [row for row in result["rows"] if row["validation_srocc"]]
        best = max(validated, key=lambda row: float(row["validation_srocc"]))
        lines.append(
            f"| {result['log']} | {validated[-1]['epoch']} | {best['epoch']} | "
            f"{float(best['validation_plcc']):.3f} | {float(best['validation_srocc']):.3f} |"
        )
    return "\n".join(lines)


def summary_table(results: list[Result]) -> str:
    """The best row of each of the paper's experiments, as Markdown."""
    result = _experiment(results, "summary")
    lines = [
        f"| {row['method']} | {row['plcc']:.3f} | {row['srocc']:.3f} | {row['measured_on']} |"
        for row in result["rows"]
        if row["measured_on"].startswith("median")
    ]
    data = "{dataset} {split}".format(**result["material"])
    return "\n".join(
        [
            "| experiment | PLCC | SROCC | measured on |",
            "| --- | --- | --- | --- |",
            *lines,
            "",
            f"*{data}, {result['machine']['processor']}, {result['date'][:10]}.*",
        ]
    )


def parity_table(results: list[Result]) -> str:
    """What every engine and precision costs against PyTorch FP32, as Markdown; those not measured in words."""
    ours = [r for r in results if r.get("benchmark") == "parity" and r["dataset"] == "biq2021"]
    if not ours:
        return NOT_MEASURED
    lines = [
        "| plan | engine | precision | cosine (worst) | shift: mean | 99 % | largest | PLCC drop | SROCC drop | "
        "labels that differ | graph | within budget |",
        f"|{' --- |' * 12}",
    ]
    rows = sorted((row for r in ours for row in r["rows"]), key=lambda row: _PLAN_ORDER.index(row["plan"]))
    lines += [_parity_line(row) for row in rows if row["reason"] is None]
    missing = {f"{row['engine']} `{row['precision']}`": row["reason"] for row in rows if row["reason"]}
    result, budget, reference = ours[0], ours[0]["budget"], ours[0]["reference"]
    return "\n".join(
        [
            *lines,
            "",
            *(f"- Not run: {name}: {reason}." for name, reason in missing.items()),
            *([""] if missing else []),
            f"*Budget: PLCC and SROCC drop {budget['max_drop']:g}, mean shift {budget['max_shift']:g}, labels "
            f"{budget['max_flips']:g} %; FP32: largest shift {budget['max_fp32_shift']:g}. {result['dataset']} "
            f"{result['split']}, n = {result['n']:,}, reference {reference['engine']} {reference['version']} of "
            f"{reference['model']}, model {result['model']}, {result['machine']['processor']}, "
            f"{result['date'][:10]}.*",
        ]
    )


def latency_table(results: list[Result]) -> str:
    """How long a score takes, by machine and picture, as Markdown; sweeps have a table of their own."""
    ours = [r for r in results if r.get("benchmark") == "latency" and "sweep" not in r]
    header = (
        "| plan | engine | precision | threads | batch | callers | p50 | p90 | p95 | p99 | decode | sample | infer "
        "| regress | pictures/s | cold start | peak memory | steady |"
    )
    return _by_circumstances(ours, header, lambda r: [_latency_line(r)])


def latency_sweep_table(results: list[Result]) -> str:
    """Latency against crops, megapixels and threads, by machine and picture, as Markdown."""
    ours = [r for r in results if r.get("benchmark") == "latency" and "sweep" in r]
    header = "| engine | precision | plan | what changes | value | p50 | p90 | p95 | p99 | steady |"
    return _by_circumstances(ours, header, _sweep_lines)


TABLES: dict[str, Callable[[list[Result]], str]] = {
    "accuracy table": accuracy_table,
    "subset table": subset_table,
    "overhead table": overhead_table,
    "validation table": validation_table,
    "unseen table": unseen_table,
    "fine-tuning table": fine_tuning_table,
    "summary table": summary_table,
    "parity table": parity_table,
    "peers table": peers_table,
    "peers summary table": peers_summary_table,
    "peers checks table": checks_table,
    "scaling table": scaling_table,
    "latency table": latency_table,
    "engines table": engines_table,
    "files table": files_table,
    "camera table": camera_table,
    "archive table": archive_table,
    "archive plan": archive_plan,
    "refit table": refit_table,
    "latency sweep table": latency_sweep_table,
}


def fill_in(text: str, results: list[Result]) -> str:
    """Replaces every table of a document.

    Args:
        text: Markdown with `<!-- NAME: ... -->` and `<!-- end -->` around each table.
        results: All results files, parsed.
    """
    pattern = re.compile(r"(<!-- ([a-z -]+): [^>]*-->\n).*?(<!-- end -->)", flags=re.DOTALL)
    return pattern.sub(lambda found: f"{found[1]}{TABLES[found[2]](results)}\n{found[3]}", text)


def read_results(folder: Path) -> list[Result]:
    """Reads every results file of a folder, in the order of their names, and the default bundle's manifest.

    The logs of fine-tunings become `{"log": name, "rows": [...]}`.
    """
    files = [*sorted(folder.glob("*.json")), default_bundle_path() / MANIFEST]
    logs = []
    for path in sorted(folder.glob("finetuning-*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            logs.append({"log": path.stem, "rows": list(csv.DictReader(file))})
    return [json.loads(path.read_text(encoding="utf-8")) for path in files] + logs


def _parity_line(row: Result) -> str:
    cells = (
        f"`{row['plan']}`",
        row["engine"],
        f"`{row['precision']}`",
        f"{row['cosine_mean']:.5f} ({row['cosine_worst']:.3f})",
        f"{row['shift_mean']:.3f}",
        f"{row['shift_p99']:.3f}",
        f"{row['shift_max']:.3f}",
        f"{row['plcc_drop']:+.4f}",
        f"{row['srocc_drop']:+.4f}",
        f"{row['flips_percent']:.1f} %",
        f"{row['graph_bytes'] / 1e6:.1f} MB",
        "no" if row["beyond"] else "yes",
    )
    return f"| {' | '.join(cells)} |"


def _by_circumstances(results: list[Result], header: str, lines_of: Callable[[Result], list[str]]) -> str:
    """Writes one table for all results of the same machine, picture, model and day, with these below it."""
    if not results:
        return NOT_MEASURED
    groups: dict[str, list[str]] = {}
    for result in results:
        machine, (width, height) = result["machine"], result["image_wh"]
        device = "" if machine["NVIDIA device"] == "none" else f", {machine['NVIDIA device']}"
        circumstances = (
            f"*Milliseconds of a request; {result['image']} ({width}x{height}), n = {result['n']} after "
            f"{result['warm_up']} for warm-up, model {result['model']}, {machine['processor']}{device}, "
            f"{result['date'][:10]}.*"
        )
        groups.setdefault(circumstances, []).extend(lines_of(result))
    rule = "|" + " --- |" * (header.count("|") - 1)
    return "\n\n".join("\n".join([header, rule, *rows, "", what]) for what, rows in groups.items())


def _latency_line(result: Result) -> str:
    fresh = "cold_start" in result
    cells = (
        f"`{result['plan']}`",
        result["engine"],
        f"`{result['precision']}`",
        str(result["threads"] or "engine's choice"),
        str(result["batch"]),
        str(result["concurrency"]),
        *_percentiles(result),
        *(f"{result['stages'][stage]['p50_ms']:.1f}" for stage in ("decode", "sample", "infer", "regress")),
        f"{result['pictures_per_s']:.1f}",
        f"{result['cold_start']['total_ms']:.0f} ms" if fresh else "-",
        f"{result['peak_memory_mb']:.0f} MB" if fresh else "-",
        "no" if result["disturbed"] else "yes",
    )
    return f"| {' | '.join(cells)} |"


def _sweep_lines(result: Result) -> list[str]:
    same = f"{result['engine']} | `{result['precision']}`"
    return [
        f"| {same} | `{point['plan']}` | {result['sweep']['over']} | {point['value']:g} | "
        f"{' | '.join(_percentiles(point))} | {'no' if point['disturbed'] else 'yes'} |"
        for point in result["sweep"]["points"]
    ]


def _percentiles(figures: Result) -> list[str]:
    return [f"{figures[f'p{percent}_ms']:.1f}" for percent in (50, 90, 95, 99)]


def _experiment(results: list[Result], name: str) -> Result:
    (result,) = (r for r in results if r.get("experiment") == name)
    return result


def _test_results(results: list[Result]) -> list[Result]:
    ours = [r for r in results if r.get("dataset") == "biq2021" and r.get("split") == "test" and "srocc" in r]
    return sorted(ours, key=lambda r: _PLAN_ORDER.index(r["plan"]))


def _with_interval(row: Result, key: str) -> str:
    low, high = row[f"{key}_ci95"]
    return f"{row[key]:.3f} ({low:.3f} to {high:.3f})"


def _circumstances(result: Result, *, of_rows: bool = False) -> str:
    """What a table was measured with; where every row states its precision, that is left out."""
    precision = "" if of_rows else f" {result['precision'].upper()}"
    return (
        f"*{result['engine']}{precision}, model {result['model']}, "
        f"{result['machine']['processor']}, {result['date'][:10]}.*"
    )


def main() -> None:
    """Fills in the tables of the project's documents."""
    root = Path(__file__).parents[2]
    results = read_results(root / "benchmarks" / "results")
    for name in DOCUMENTS:
        document = root / name
        text = document.read_text(encoding="utf-8")
        write_atomically(document, fill_in(text, results).encode())


if __name__ == "__main__":
    main()
