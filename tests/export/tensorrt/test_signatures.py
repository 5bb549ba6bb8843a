"""Every call of TensorRT exists, with these arguments, in all versions that deepbiq runs with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="needs the extra deepbiq[dev]")

from tests.conftest import ROOT  # after the skip

RECORDED = ROOT / "tests" / "reference" / "tensorrt_api"
VERSIONS = ("10.3", "10.13", "11.4", "rtx-1.7")
PACKAGES = ("deepbiq_export.tensorrt", "deepbiq.engines.tensorrt")
STRICT = """
[mypy]
strict = True
warn_unreachable = True
follow_imports = silent
ignore_missing_imports = True
"""


def mypy(version, *what, cache):
    """Checks against one version's signatures; returns the exit code and what was found.

    What does not depend on TensorRT is checked once: all versions share a cache.
    """
    config = cache / "mypy.ini"
    config.write_text(STRICT)
    rooms = [str(ROOT / room) for room in ("runtime", "export", "calibration", "training", "benchmarks")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", config, "--cache-dir", cache / "cache", *what],
        env={**os.environ, "MYPYPATH": os.pathsep.join([str(RECORDED / version), *rooms])},
        cwd=cache,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.parametrize("version", VERSIONS)
def test_builder_and_engine_fit(version, cache):
    packages = [word for package in PACKAGES for word in ("-p", package)]
    code, found = mypy(version, *packages, cache=cache)
    assert code == 0, found
    assert "no issues found" in found


CALLS = {
    "flag of a precision": ("trt.BuilderFlag.FP16", {"10.3": True, "10.13": True, "11.4": False, "rtx-1.7": False}),
    "flag of explicit batch": (
        "trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH",
        {"10.3": True, "10.13": True, "11.4": False},
    ),
    "strongly typed": ("trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED", dict.fromkeys(VERSIONS, True)),
    "memory of an engine, old": (
        "engine.device_memory_size",
        {"10.3": True, "10.13": True, "11.4": False},
    ),
    "memory of an engine": ("engine.device_memory_size_v2", dict.fromkeys(VERSIONS, True)),
    "a name that never was": ("engine.get_binding_names()", dict.fromkeys(VERSIONS, False)),
    "a wrong argument": ("engine.get_tensor_shape(index=0)", dict.fromkeys(VERSIONS, False)),
    "a wrong type": ("engine.get_tensor_shape(0)", dict.fromkeys(VERSIONS, False)),
    "new in 10.13": ("trt.BuilderFlag.EDITABLE_TIMING_CACHE", {"10.3": False, "10.13": True, "11.4": True}),
    "guarded": (
        "(trt.BuilderFlag.FP16 if hasattr(trt.BuilderFlag, 'FP16') else None)",
        dict.fromkeys(VERSIONS, True),
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_check_can_fail(version, cache):
    """Each call in a function of its own; a version must refuse exactly those that it does not have."""
    module = cache / "calls.py"
    lines = ["import tensorrt as trt"]
    expected = {}
    for name, (call, by_version) in CALLS.items():
        if version in by_version:
            lines.append(f"def f{len(lines)}(engine: trt.ICudaEngine) -> None: print({call})")
            expected[name] = (len(lines), by_version[version])
    module.write_text("\n".join(lines) + "\n")
    _, found = mypy(version, module, cache=cache)
    for name, (line, accepted) in expected.items():
        assert (f"calls.py:{line}: error" not in found) == accepted, f"{name}: {found}"
