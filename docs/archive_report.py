"""Draws docs/images/archive-report*.jpg: the page of `deepbiq archive report` on a small archive, in a browser.

The archive is made on the spot from the sample pictures: views of each, sharp and spoiled, bursts, copies and
broken files. Run it again when the page changes: `python docs/archive_report.py` (needs the extras archive and dev,
and Chromium).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
VIEWS = {
    "archive-report": ({"width": 1240, "height": 1200}, "light", "header"),
    "archive-report-alike": ({"width": 1240, "height": 900}, "dark", "#alike"),
    "archive-report-table": ({"width": 1240, "height": 900}, "light", "#rows"),
    "archive-report-phone": ({"width": 390, "height": 844}, "light", "header"),
}
"""Size and colour scheme of the window, and what is scrolled to."""
CAMERAS = ("Canon EOS R6", "NIKON D750", "samsung SM-G991B")
MORNING = datetime(2026, 5, 1, 9, 0, 0)
EXIF_MODEL, EXIF_IFD, EXIF_TAKEN = 0x0110, 0x8769, 0x9003
Bgr = npt.NDArray[np.uint8]


def main() -> None:
    """Writes the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        photos, results = Path(folder) / "photos", Path(folder) / "results"
        _make_archive(photos)
        deepbiq = (sys.executable, "-m", "deepbiq", "archive")
        subprocess.run([*deepbiq, str(photos), "--out", str(results)], check=True)  # noqa: S603
        report = [*deepbiq, "report", str(results), "--title", "Card of 1 May", "--contact", "18"]
        subprocess.run(report, check=True)  # noqa: S603
        _draw((results / "_report.html").as_uri())


def _make_archive(folder: Path) -> None:
    random = np.random.default_rng(0)
    for place, path in enumerate(sorted((ROOT / "samples").glob("*.jpg"))):
        original = np.asarray(cv2.imread(str(path)), np.uint8)
        own = folder / f"{MORNING + timedelta(days=place):%Y-%m-%d}"
        own.mkdir(parents=True)
        camera = CAMERAS[place % len(CAMERAS)]
        for number, view in enumerate(_views(original)):
            spoiled = _spoil(view, random)
            _save(own / f"{path.stem}-{number:02d}.jpg", spoiled, camera, MORNING + timedelta(minutes=7 * number))
        for number, shot in enumerate(_burst(original)):
            _save(
                own / f"{path.stem}-burst-{number}.jpg", shot, camera, MORNING + timedelta(hours=8, seconds=number)
            )
        _save(own / f"{path.stem}-for-the-web.jpg", original[::2, ::2], None, None, quality=50)
        whole = (own / f"{path.stem}-00.jpg").read_bytes()
        (own / f"{path.stem}-unfinished.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").touch()


def _views(bgr: Bgr) -> Iterator[Bgr]:
    """Yields overlapping parts of a picture, each two thirds of its sides."""
    height, width = (2 * side // 3 for side in bgr.shape[:2])
    for top in np.linspace(0, bgr.shape[0] - height, 3).astype(int):
        for left in np.linspace(0, bgr.shape[1] - width, 4).astype(int):
            yield bgr[top : top + height, left : left + width]


def _spoil(bgr: Bgr, random: np.random.Generator) -> Bgr:
    """Blurs, darkens or adds noise, often only a little."""
    strength = random.beta(0.6, 1.6)
    kind = random.integers(3)
    if kind == 0:
        return np.asarray(cv2.GaussianBlur(bgr, (0, 0), 0.2 + 6 * strength), np.uint8)
    if kind == 1:
        return np.rint(bgr * (1 - 0.8 * strength)).astype(np.uint8)
    return np.clip(bgr + random.normal(0, 60 * strength, bgr.shape), 0, 255).astype(np.uint8)


def _burst(bgr: Bgr) -> Iterator[Bgr]:
    """Yields seven shots of a hand that moves, the fourth one in focus."""
    height, width = bgr.shape[0] - 24, bgr.shape[1] - 36
    for number in range(7):
        shot = bgr[3 * number : 3 * number + height, 2 * number : 2 * number + width]
        yield np.asarray(cv2.GaussianBlur(shot, (0, 0), 0.2 + 0.7 * abs(number - 3)), np.uint8)


def _save(path: Path, bgr: Bgr, camera: str | None, taken: datetime | None, quality: int = 92) -> None:
    exif = Image.Exif()
    if camera is not None and taken is not None:
        exif[EXIF_MODEL] = camera
        exif.get_ifd(EXIF_IFD)[EXIF_TAKEN] = f"{taken:%Y:%m:%d %H:%M:%S}"
    Image.fromarray(np.ascontiguousarray(bgr[..., ::-1])).save(path, quality=quality, exif=exif)


def _draw(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
        for name, (viewport, scheme, start) in VIEWS.items():
            page = browser.new_page(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
            page.goto(address)
            _show(page, start)
            page.screenshot(path=str(ROOT / "docs" / "images" / f"{name}.jpg"), type="jpeg", quality=86)
        browser.close()


def _show(page: Page, start: str) -> None:
    page.locator("#table tbody tr").first.wait_for()
    if start != "header":
        page.evaluate("start => document.querySelector(start).scrollIntoView()", start)
    page.wait_for_timeout(300)


if __name__ == "__main__":
    main()
