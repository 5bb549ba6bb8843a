"""The report as one HTML file that needs nothing else: no network, no server, no second file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from deepbiq.archive.report.gallery import Gallery, shown_members
from deepbiq.archive.report.grouping import Group
from deepbiq.archive.report.links import href_of
from deepbiq.archive.report.records import Records
from deepbiq.archive.report.row_data import as_script, row_data, rows_in_table
from deepbiq.archive.report.summary import LOW_SCORE, Part, errors_by_kind, histogram, parts_of
from deepbiq.archive.report.thumbnails import Thumbnail
from deepbiq.imaging import printable
from deepbiq.labels import LABELS, label_of

_SHARED = ("model", "plan", "pool", "scale", "precision", "engine")
"""Columns that are the same in all rows of a model."""
_PARTS_SHOWN = 100
"""Folders and cameras in the summary; the rest is counted."""


@dataclass(frozen=True)
class Figure:
    """A picture on the page.

    Attributes:
        score: 0..100.
        label: The label of the score.
        name: The file's name, safe to print.
        path: The whole path, safe to print.
        href: Where a browser finds the file; None where it cannot.
        alike: How many other pictures show the same.
        thumbnail: The picture, small.
    """

    score: float
    label: str
    name: str
    path: str
    href: str | None
    alike: int
    thumbnail: Thumbnail


@dataclass(frozen=True)
class Content:
    """What a page is made of.

    Attributes:
        title: Its title.
        made: When.
        records: The rows.
        groups: All groups of pictures that show the same.
        gallery: The rows that are shown as pictures.
        thumbnails: Of these rows.
    """

    title: str
    made: datetime
    records: Records
    groups: Sequence[Group]
    gallery: Gallery
    thumbnails: Mapping[int, Thumbnail]


def sentence_of(records: Records) -> str:
    """Says the archive in one sentence."""
    errors = len(records) - records.scored
    unread = f"{errors:,} could not be read"
    if not records.scored:
        return f"No picture was scored; {unread}."
    low = float((records.scores < LOW_SCORE).mean())
    return (
        f"{records.scored:,} pictures, median {np.median(records.scores):.1f}; "
        f"{percent(low)} below {LOW_SCORE:.0f}; {unread}."
    )


def percent(share: float) -> str:
    """Writes a share, 0..1, as people do: no decimals where they say nothing."""
    value = 100 * share
    return f"{value:.1f} %" if 0 < value < 9.95 else f"{value:.0f} %"


def render(content: Content) -> bytes:
    """Makes the page: UTF-8, with script, style and pictures inside it."""
    records, groups, gallery = content.records, content.groups, content.gallery
    templates = _templates()
    script = templates.get_template("report.js").render()
    bars = histogram(records.scores)
    rows = rows_in_table(records)
    figures = _figures(content)
    page = templates.get_template(
        "report.html"
    ).render(
        title=content.title,
        made=content.made,
        sentence=sentence_of(records).replace(" %", "\xa0%"),  # which is not broken there
        about={name: records.table[name][0].as_py() for name in _SHARED},
        count=len(records),
        scored=records.scored,
        median=float(np.median(records.scores)) if records.scored else None,
        bars=bars,
        tallest=max(bar.count for bar in bars),
        labels={label: sum(bar.count for bar in bars if bar.label == label) for label in LABELS},
        best=[figures[row] for row in gallery.best],
        worst=[figures[row] for row in gallery.worst],
        groups=[(group, [figures[row] for row in shown_members(group)]) for group in gallery.groups],
        group_count=len(groups),
        group_numbers={group.best: number for number, group in enumerate(groups, 1)},
        spare=sum(len(group.others) for group in groups),
        errors=errors_by_kind(records.column("error")[records.scored :], records.scored),
        paths=records.paths,
        parts={
            "Folders": _shown_parts([printable(path.rpartition("/")[0]) for path in records.paths], records),
            "Cameras": _shown_parts(records.column("camera"), records),
        },
        low_score=LOW_SCORE,
        in_table=len(rows),
        data=as_script(row_data(records, groups, rows)),
        script=Markup(script),  # noqa: S704  # our own file
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return page.encode()


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("deepbiq.archive.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "printable": printable}
    return environment


def _figures(content: Content) -> dict[int, Figure]:
    """Makes the figures of the gallery, by row."""
    records = content.records
    alike = {row: len(group.others) for group in content.groups for row in (group.best, *group.others)}
    figures = {}
    for row, thumbnail in content.thumbnails.items():
        path, score = records.paths[row], float(records.scores[row])
        name = printable(path.rpartition("/")[2] or path)
        figures[row] = Figure(
            score, label_of(score), name, printable(path), href_of(path), alike.get(row, 0), thumbnail
        )
    return figures


def _shown_parts(names: Sequence[str | None], records: Records) -> tuple[list[Part], int]:
    parts = parts_of(names, records.scores)
    return parts[:_PARTS_SHOWN], max(0, len(parts) - _PARTS_SHOWN)
