"""Draws docs/images/watch-*.png: the page of `deepbiq watch` on the sample video, as a browser shows it.

Run it again when the page changes: `python docs/watch_page.py` (needs the extras camera and dev, and Chromium).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
VIEWS = {
    "watch-light": {"viewport": {"width": 1100, "height": 740}, "color_scheme": "light"},
    "watch-phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}
MOMENTS = {"watch-light": 8.0, "watch-phone": 18.0}
"""Seconds of the video: out of focus, and sharp again."""
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


def main() -> None:
    """Writes the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "video.mp4"
        subprocess.run([sys.executable, str(ROOT / "samples" / "video.py"), str(video)], check=True)  # noqa: S603
        watch = [sys.executable, "-m", "deepbiq", "watch", str(video), "--serve", "--port", "0"]
        watch += ["--best", str(Path(folder) / "best"), "--window", "4", "--format", "jsonl"]
        with subprocess.Popen(watch, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
            _draw(_address(process))


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://\S+/", line):
            return found[0]
    raise SystemExit("deepbiq watch did not say where its page is")


def _draw(address: str) -> None:
    begin = time.monotonic()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
        pages = {name: browser.new_page(**view) for name, view in VIEWS.items()}
        for page in pages.values():
            page.goto(address)
        for name, page in pages.items():
            page.wait_for_timeout(max(0.0, 1000 * (begin + MOMENTS[name] - time.monotonic())))
            page.screenshot(path=str(ROOT / "docs" / "images" / f"{name}.png"))
        browser.close()


if __name__ == "__main__":
    main()
