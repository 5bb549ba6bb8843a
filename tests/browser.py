"""A headless browser for tests of pages, and pages whose every word on the console is kept."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest

CHROMIUM = shutil.which("chromium")
without_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


@contextmanager
def pages(browser, said):
    """Gives a function that makes an empty page of some size; its console and its errors are added to `said`."""
    contexts = []

    def make_page(width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        return page

    yield make_page
    for context in contexts:
        context.close()
