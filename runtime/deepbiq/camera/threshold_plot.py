"""A picture of fitted thresholds: how the scores are spread, and where the thresholds lie. SVG, drawn by hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from deepbiq.camera.thresholds import Scores, Thresholds

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 56, 48
BIN = 2
"""Score points of a bar."""
COLOURS = ("#3b7dd8", "#d9822b")
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}line{stroke:#222}"
    "@media(prefers-color-scheme:dark){svg{background:#16181d}text{fill:#ddd}line{stroke:#ddd}}"
)


def plot(groups: Mapping[str, Scores], fitted: Thresholds) -> str:
    """Draws a histogram of scores with the thresholds over it.

    Args:
        groups: One or two sets of scores with their names: all pictures, or the accepted and the rejected.
        fitted: The thresholds.

    Returns:
        An SVG document.
    """
    edges = np.arange(0, 100 + BIN, BIN)
    counts = {name: np.histogram(scores, edges)[0] for name, scores in groups.items()}
    most = max(int(each.max()) for each in counts.values())
    title = f"{fitted.n} scores: reject below {fitted.reject:g}, accept from {fitted.accept:g}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">',
        f"<style>{STYLE}</style>",
        f'<text x="{LEFT}" y="20">{title}</text>',
    ]
    for place, (name, heights) in enumerate(counts.items()):
        parts += _bars(heights, most, COLOURS[place], place, len(counts))
        parts += _legend(f"{name} ({heights.sum()})", COLOURS[place], place)
    parts += _axes(most)
    parts += _threshold("reject", fitted.reject, "end") + _threshold("accept", fitted.accept, "start")
    return "\n".join([*parts, "</svg>\n"])


def _x(score: float) -> float:
    return LEFT + score / 100 * (WIDTH - LEFT - RIGHT)


def _y(count: float, most: int) -> float:
    return HEIGHT - BOTTOM - count / most * (HEIGHT - TOP - BOTTOM)


def _bars(heights: npt.NDArray[np.intp], most: int, colour: str, place: int, of: int) -> list[str]:
    width = (_x(BIN) - _x(0) - 1) / of
    return [
        f'<rect x="{_x(index * BIN) + place * width:.1f}" y="{_y(count, most):.1f}" width="{width:.1f}" '
        f'height="{_y(0, most) - _y(count, most):.1f}" fill="{colour}"/>'
        for index, count in enumerate(heights.tolist())
        if count
    ]


def _legend(text: str, colour: str, place: int) -> list[str]:
    x = LEFT + 160 * place
    return [
        f'<rect x="{x}" y="30" width="12" height="12" fill="{colour}"/>',
        f'<text x="{x + 18}" y="41">{text}</text>',
    ]


def _axes(most: int) -> list[str]:
    base = _y(0, most)
    scale = [
        f'<text x="{_x(score):.1f}" y="{base + 18:.1f}" text-anchor="middle">{score}</text>'
        for score in range(0, 101, 10)
    ]
    return [
        f'<line x1="{LEFT}" y1="{base:.1f}" x2="{WIDTH - RIGHT}" y2="{base:.1f}"/>',
        f'<text x="{LEFT - 6}" y="{base:.1f}" text-anchor="end">0</text>',
        f'<text x="{LEFT - 6}" y="{_y(most, most) + 5:.1f}" text-anchor="end">{most}</text>',
        f'<text x="{_x(50):.1f}" y="{HEIGHT - 8}" text-anchor="middle">score</text>',
        *scale,
    ]


def _threshold(name: str, score: float, anchor: str) -> list[str]:
    x, beside = _x(score), -4 if anchor == "end" else 4
    return [
        f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke-dasharray="5 3"/>',
        f'<text x="{x + beside:.1f}" y="{TOP + 4}" text-anchor="{anchor}">{name}</text>',
    ]
