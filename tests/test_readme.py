"""The README's commands run and do what they say."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


COMMANDS = [
    line.partition("  #")[0].strip()
    for block in blocks("console")
    for line in block.splitlines()
    if "deepbiq" in line and not line.startswith("pip")
]


@pytest.fixture
def workplace(tmp_path):
    """A folder with the samples, and a `deepbiq` on the PATH that is this environment's."""
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    script = tmp_path / "bin" / "deepbiq"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m deepbiq "$@"\n')
    script.chmod(0o755)
    return tmp_path


def shell(workplace, script):
    path = f"{workplace / 'bin'}:/usr/bin:/bin"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=workplace, env={"PATH": path, "HOME": str(workplace)}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_there_are_commands_to_try():
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(workplace, command):
    done = shell(workplace, command)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("coffee.jpg", "accepted"), ("notes.jpg", "not a readable picture"), ("noise.png", "too poor")],
)
def test_the_gate_decides(workplace, name, verdict):
    (gate,) = blocks("bash")
    upload = workplace / name
    if name == "coffee.jpg":
        upload.write_bytes((ROOT / "samples" / name).read_bytes())
    elif name == "notes.jpg":
        upload.write_text("no picture")
    else:
        _write_noise(upload)
    done = shell(workplace, gate.replace("upload.jpg", name))
    assert done.returncode == 0, done.stderr
    assert verdict in done.stdout.splitlines()[-1]


def _write_noise(path):
    import cv2
    import numpy as np

    dark = np.random.default_rng(0).integers(0, 40, (512, 512, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.GaussianBlur(dark, (0, 0), 3))


def test_the_python_example_runs(workplace):
    (example,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=workplace, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "missing.jpg" in done.stdout.splitlines()[-1]
    assert len(done.stdout.splitlines()) == 6


def test_every_local_link_leads_somewhere():
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")]:
        for target in re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8")):
            if "://" not in target:
                file, _, anchor = target.partition("#")
                linked = (document.parent / file) if file else document
                assert linked.exists(), f"{document.name}: {target}"
                if anchor:
                    headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE)
                    assert anchor in {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}
