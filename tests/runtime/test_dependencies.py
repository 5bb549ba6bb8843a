"""The runtime stands alone: no torch, no other room, and an instant import."""

import subprocess
import sys
from pathlib import Path

import pytest

RUNTIME = Path(__file__).parents[2] / "runtime" / "deepbiq"
HEAVY = (
    "torch", "torchvision", "sklearn", "scipy", "onnx", "matplotlib", "openpyxl",
    "deepbiq_export", "deepbiq_training",
)  # fmt: skip
MODULES = sorted(
    ".".join(("deepbiq", *path.relative_to(RUNTIME).with_suffix("").parts)).removesuffix(".__init__")
    for path in RUNTIME.rglob("*.py")
    if path.name != "__main__.py"
)

BLOCK = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ImportError(f"{{name}} must not be imported by the runtime")

sys.meta_path.insert(0, Blocker())
"""


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def test_every_module_imports_and_a_picture_is_scored_without_heavy_packages(samples):
    imports = "\n".join(f"import {module}" for module in MODULES)
    done = python(f"{BLOCK}\n{imports}\nprint(deepbiq.load()({str(samples[0])!r}).score)")
    assert done.returncode == 0, done.stderr
    assert 0 <= float(done.stdout) <= 100


def test_the_blocker_blocks():
    assert "must not be imported" in python(f"{BLOCK}\nimport scipy").stderr


@pytest.mark.parametrize("statement", ["import deepbiq", "import deepbiq; deepbiq.ImageError; deepbiq.Limits"])
def test_importing_deepbiq_imports_neither_opencv_nor_onnx_runtime(statement):
    code = f"{statement}\nimport sys\nprint([m for m in ('cv2', 'onnxruntime') if m in sys.modules])"
    assert python(code).stdout.strip() == "[]"


def test_where_nobody_tuned_installed_packages_are_not_read(samples, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPBIQ_CACHE", str(tmp_path))
    done = python(
        "import sys, numpy, cv2, onnxruntime\n"
        "before = set(sys.modules)\n"
        f"import deepbiq\nscore = deepbiq.load()({str(samples[0])!r}).score\n"
        "print(score > 0, 'importlib.metadata' in set(sys.modules) - before)"
    )
    assert done.stdout.strip() == "True False", done.stderr


def test_every_public_name_is_there():
    import deepbiq

    assert all(getattr(deepbiq, name) is not None for name in deepbiq.__all__)
    assert set(dir(deepbiq)) == set(deepbiq.__all__)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        deepbiq.nothing_like_it  # noqa: B018
