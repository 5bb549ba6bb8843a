"""`deepbiq archive report`: a page on what was scored, and files moved aside by it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepbiq.cli.exit_codes import PASS, USAGE
from deepbiq.cli.formats import ResultFormat
from deepbiq.cli.moves_output import print_line, say_refused, say_sum, say_undo
from deepbiq.cli.output import say
from deepbiq.cli.progress import progress_bar
from deepbiq.errors import ArchiveError, OptionError
from deepbiq.extras import require_extra
from deepbiq.files import write_atomically
from deepbiq.imaging import printable
from deepbiq.labels import SCORE_MAX, SCORE_MIN

if TYPE_CHECKING:
    from deepbiq.archive.moving.plan import Move, Wish
    from deepbiq.archive.report.grouping import Group
    from deepbiq.archive.report.records import Records


def archive_report(
    results: Annotated[Path, typer.Argument(help="The folder that `deepbiq archive SOURCE --out` wrote.")],
    model: Annotated[
        str | None,
        typer.Option(
            help="Whose scores, where the folder holds several models' (default: the last).", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the page goes (default: _report.html in RESULTS).", show_default=False),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write all rows as CSV too, the worst score first.", show_default=False)
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="Title of the page (default: the name of RESULTS).", show_default=False)
    ] = None,
    contact: Annotated[int, typer.Option(min=1, max=500, help="Pictures on each contact sheet.")] = 24,
    move_below: Annotated[
        tuple[float, Path] | None,
        typer.Option(
            metavar="T FOLDER",
            help="Move pictures that score below T into FOLDER; only said without --apply.",
            show_default=False,
        ),
    ] = None,
    keep_best_of_burst: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Move all but the best of duplicates and bursts into FOLDER; only said without --apply.",
            show_default=False,
        ),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Really move; a log can undo it.")] = False,
    fmt: Annotated[ResultFormat, typer.Option("--format", help="How the result is printed.")] = ResultFormat.TEXT,
) -> None:
    """Make a page on an archive's scores: one HTML file that needs no network.

    It shows the histogram, the best and the worst pictures, duplicates and bursts with the best of each, errors by
    kind, folders, cameras, and a table of all rows that can be searched and sorted.

    --move-below and --keep-best-of-burst print which files they would move, tab separated on stdout, and change
    nothing. With --apply files move, keeping their path below the folder that all of them share; nothing is deleted
    or overwritten, files that changed since they were scored stay, links are not parted from their pictures, and
    `deepbiq archive undo` moves all of it back.

    Exit codes: 0 done, 2 usage, the results cannot be used, or a file could not be moved, 130 interrupted.
    """
    require_extra("archive", "pyarrow", "fsspec", "imagehash", "jinja2", "PIL")
    from deepbiq.archive.moving.plan import plan_moves
    from deepbiq.archive.report.export import csv_of
    from deepbiq.archive.report.grouping import find_groups
    from deepbiq.archive.report.page import sentence_of
    from deepbiq.archive.report.records import read_records

    _check(move_below, keep_best_of_burst, apply=apply)
    records = read_records(results, model)
    groups = find_groups(records)
    wishes = _wishes(records, groups, move_below, keep_best_of_burst)
    page = results / "_report.html" if out is None else out
    heading = printable(f"Report on {results.resolve().name}" if title is None else title)
    _write(page, page_of(heading, records, groups, contact))
    if csv is not None:
        _write(csv, csv_of(records))
    say(sentence_of(records))
    moves, refusals = plan_moves(records, wishes)
    log, faults = _apply(results, moves) if apply and moves else (None, {})
    refused = [(refusal.source, refusal.reason) for refusal in refusals]
    refused += [(str(moves[number].source), fault) for number, fault in faults.items()]
    moved = [move for number, move in enumerate(moves) if number not in faults]
    if fmt is ResultFormat.JSON:
        about = {"page": page, "csv": csv, "log": log, "pictures": records.scored, "groups": len(groups)}
        _print_json(about, records, moved, refused)
    else:
        _print_text(page, csv, moved, applied=apply)
    if move_below is not None or keep_best_of_burst is not None:
        say_refused(refused)
        say_sum(len(moved), len(refused), applied=apply)
    raise typer.Exit(USAGE if apply and refused else PASS)


def _check(move_below: tuple[float, Path] | None, keep_best_of_burst: Path | None, *, apply: bool) -> None:
    if apply and move_below is None and keep_best_of_burst is None:
        raise OptionError("--apply needs something to do: --move-below or --keep-best-of-burst")
    if move_below is not None and not SCORE_MIN <= move_below[0] <= SCORE_MAX:
        raise OptionError(f"--move-below takes a score, 0..100, got {move_below[0]}")


def _wishes(
    records: Records,
    groups: Sequence[Group],
    move_below: tuple[float, Path] | None,
    keep_best_of_burst: Path | None,
) -> list[Wish]:
    from deepbiq.archive.moving.plan import all_but_best, below, target_folder

    wishes: list[Wish] = []
    if move_below is not None:
        wishes += below(records, move_below[0], target_folder(move_below[1]))
    if keep_best_of_burst is not None:
        wishes += all_but_best(groups, target_folder(keep_best_of_burst))
    return wishes


def page_of(title: str, records: Records, groups: Sequence[Group], contact: int) -> bytes:
    """Draws the pictures of the page and makes it; shows how far that is."""
    from deepbiq.archive.report.gallery import choose_pictures, draw_thumbnails
    from deepbiq.archive.report.page import Content, render

    gallery = choose_pictures(records.scored, groups, contact)
    rows = gallery.rows()
    thumbnails = {}
    with progress_bar("drawing", len(rows)) as advance:
        for row, thumbnail in draw_thumbnails(records, rows):
            thumbnails[row] = thumbnail
            advance()
    return render(Content(title, datetime.now(), records, groups, gallery, thumbnails))


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomically(path, data)
    except OSError as error:
        raise ArchiveError(f"{printable(str(path))} cannot be written: {error.strerror or error}") from error


def _apply(results: Path, moves: Sequence[Move]) -> tuple[Path, dict[int, str]]:
    """Moves files; returns the log, and why some stay by their number."""
    from deepbiq.archive.moving.move_log import MoveLog
    from deepbiq.archive.moving.moves import carry_out

    steps = [(move.source, move.target, move.stamp) for move in moves]
    try:
        log, intents = MoveLog.create(results, datetime.now(), steps)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ArchiveError(
            f"{printable(str(results))}: no log can be written, so nothing is moved: {reason}"
        ) from error
    say_undo(log.path)
    faults = {}
    with log, progress_bar("moving", len(moves)) as advance:
        for intent, fault in carry_out(log, intents):
            if fault is not None:
                faults[intent.number] = fault
            advance()
    return log.path, faults


def _print_text(page: Path, csv: Path | None, moved: Sequence[Move], *, applied: bool) -> None:
    print_line("page", page)
    if csv is not None:
        print_line("csv", csv)
    for move in moved:
        print_line("moved" if applied else "move", move.source, move.target, f"{move.score:.1f}")


def _print_json(
    about: dict[str, Any], records: Records, moved: Sequence[Move], refused: Sequence[tuple[str, str]]
) -> None:
    def text(value: object) -> object:
        return printable(str(value)) if isinstance(value, (str, Path)) else value

    report = {
        **{key: text(value) for key, value in about.items()},
        "errors": len(records) - records.scored,
        "moves": [{"from": text(m.source), "to": text(m.target), "score": m.score} for m in moved],
        "refused": [{"path": text(path), "reason": text(reason)} for path, reason in refused],
    }
    typer.echo(json.dumps(report, indent=2))
