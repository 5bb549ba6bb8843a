"""The pages for devices, whose steps cannot run here: their commands exist, their messages are ours."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from deepbiq.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("docs/jetson.md", "docker/README.md")}
OUTSIDE = re.compile(r"^(https?:|#)")
IMAGE = re.compile(r"^deepbiq:(cpu|jetpack[67])$")


def deepbiq_calls(page):
    """The words after `deepbiq`, or after an image whose entry point it is, of every console command."""
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGES[page], flags=re.MULTILINE | re.DOTALL)
    for line in "".join(blocks).replace("\\\n", " ").splitlines():
        words = shlex.split(line)
        if words[0] == "deepbiq":
            yield words[1:]
        elif words[:2] == ["docker", "run"]:
            (place,) = (i for i, word in enumerate(words) if IMAGE.match(word))
            yield words[place + 1 :]


CALLS = [(page, tuple(words)) for page in PAGES for words in deepbiq_calls(page)]
SPOKEN = " ".join(
    path.read_text(encoding="utf-8")
    for room in ("runtime/deepbiq", "export/deepbiq_export")
    for path in sorted((ROOT / room).rglob("*.py"))
)


@pytest.mark.parametrize(("page", "words"), CALLS, ids=[" ".join(words) for _, words in CALLS])
def test_commands_parse(page, words):
    command, rest = typer.main.get_command(app), list(words)
    while hasattr(command, "list_commands"):
        command = command.get_command(None, rest.pop(0))
        assert command is not None, f"{page}: no such verb"
    command.make_context(command.name, rest)  # refuses unknown options and values


def test_an_option_that_does_not_exist_is_found():
    command = typer.main.get_command(app).get_command(None, "build")
    with pytest.raises(Exception, match="No such option"):
        command.make_context("build", ["--calibrate"])


def test_both_pages_use_deepbiq():
    assert {page for page, _ in CALLS} == set(PAGES)
    assert len(CALLS) >= 8


def test_quoted_messages_are_ours():
    (table,) = re.findall(
        r"^What deepbiq says:\n\n(.*?)\n\n", PAGES["docs/jetson.md"], flags=re.MULTILINE | re.DOTALL
    )
    messages = re.findall(r"^\| `(.+?)` \|", table, flags=re.MULTILINE)
    assert len(messages) >= 10
    assert [message for message in messages if message not in SPOKEN] == []


def test_quoted_variables_are_read_and_extras_exist():
    text = PAGES["docs/jetson.md"]
    assert {name for name in re.findall(r"DEEPBIQ_[A-Z_]+", text) if f'"{name}"' not in SPOKEN} == set()
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in set(re.findall(r"\[(cuda\d+)\]", text)):
        assert re.search(rf"^{extra} = ", project, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_links_of_pages_outside_docs_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        if not OUTSIDE.match(target):
            assert ((ROOT / page).parent / target.partition("#")[0]).exists(), target
