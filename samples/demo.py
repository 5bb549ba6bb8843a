"""The demo: sample photographs and worse versions of each, scored, sorted, with a quality map of every one.

Run it through `make demo`, or with any Python that has deepbiq: `python samples/demo.py FOLDER`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

import deepbiq

Bgr = npt.NDArray[np.uint8]
NOISE_SIGMA = 35.0
EXPOSURE_STOPS = -3.0
JPEG_QUALITY = 4


def blurred(bgr: Bgr) -> Bgr:
    """Blurs like a lens out of focus."""
    return np.asarray(cv2.GaussianBlur(bgr, (0, 0), 4.0), dtype=np.uint8)


def noisy(bgr: Bgr) -> Bgr:
    """Adds the noise of a small sensor at night."""
    noise = np.random.default_rng(0).normal(0.0, NOISE_SIGMA, bgr.shape)
    return np.clip(bgr + noise, 0, 255).astype(np.uint8)


def underexposed(bgr: Bgr) -> Bgr:
    """Darkens by three stops of linear light (gamma 2.2)."""
    gain = 2.0 ** (EXPOSURE_STOPS / 2.2)
    return np.rint(bgr * gain).astype(np.uint8)


def crushed(bgr: Bgr) -> Bgr:
    """Saves as JPEG with next to no bytes."""
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)


VERSIONS: dict[str, Callable[[Bgr], Bgr]] = {
    "original": lambda bgr: bgr,
    "blurred": blurred,
    "noisy": noisy,
    "under-exposed": underexposed,
    "crushed by JPEG": crushed,
}


def main(folder: Path) -> None:
    """Scores every sample in every version, prints the table and writes the maps."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    with deepbiq.load() as scorer:
        for path in sorted(Path(__file__).parent.glob("*.jpg")):
            original = np.asarray(cv2.imread(str(path)), dtype=np.uint8)
            for version, degrade in VERSIONS.items():
                picture = degrade(original)
                result = scorer(picture)
                name = f"{path.stem}-{version.replace(' ', '-')}"
                both = np.hstack([picture, scorer.overlay(picture, result)])
                cv2.imwrite(str(folder / f"{name}.png"), both)
                rows.append((result, path.stem, version))
    console = Console()
    console.print(_table(rows))
    console.print(f"{len(rows)} quality maps, each beside its picture: {folder}")


def _table(rows: list[tuple[deepbiq.Score, str, str]]) -> Table:
    table = Table(title="deepbiq on its sample pictures: 0 is bad, 100 is excellent", title_justify="left")
    for heading, justify in (("score", "right"), ("label", "left"), ("spread", "right"), ("picture", "left"),
                             ("version", "left"), ("ms", "right")):  # fmt: skip
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]  # a Literal in a loop
    for result, picture, version in sorted(rows, key=lambda row: -row[0].score):
        table.add_row(
            f"{result.score:.1f}",
            result.label,
            f"{result.spread:.1f}",
            picture,
            version,
            f"{result.timing.total:.0f}",
        )
    return table


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-results"))
