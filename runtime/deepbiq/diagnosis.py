"""What this machine has: its processor, packages and engines, each tried and not only looked up."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from deepbiq import __version__
from deepbiq.bundle import Bundle, open_bundle
from deepbiq.cuda import NoDeviceError, find_device
from deepbiq.engines import ENGINES
from deepbiq.errors import BundleError, DeepBIQError, EngineError
from deepbiq.golden import GoldenCheck, check_golden, golden_fault
from deepbiq.nvidia_diagnosis import EngineFile, Part, describe_device, engine_files, tensorrt_parts, try_engines
from deepbiq.processor import processor
from deepbiq.scorer import Scorer, load

PACKAGES = (
    "deepbiq", "numpy", "opencv-python-headless", "opencv-python", "onnxruntime", "typer", "rich",
    "cuda-bindings", "pycuda", "tensorrt", "tensorrt-rtx",
)  # fmt: skip


@dataclass(frozen=True)
class EngineFinding:
    """One engine on this machine, with one graph of the bundle.

    Attributes:
        name: As users write it.
        graph: The graph's key, for TensorRT with the plans that the engine serves; empty when none could be tried.
        works: Whether it computed the golden scores.
        detail: Its version and largest golden difference, or why it does not work.
    """

    name: str
    graph: str
    works: bool
    detail: str


@dataclass(frozen=True)
class Findings:
    """Everything that `deepbiq doctor` shows.

    Attributes:
        machine: Facts about the machine by name.
        packages: Versions by package; "not installed" where one is missing.
        bundle: The bundle's model id, or what is wrong with it.
        engines: One finding per engine and graph of the bundle.
        tensorrt: What TensorRT needs, part by part.
        engine_files: The TensorRT engines that were built on this machine.
    """

    machine: Mapping[str, str]
    packages: Mapping[str, str]
    bundle: str
    engines: tuple[EngineFinding, ...]
    tensorrt: tuple[Part, ...]
    engine_files: tuple[EngineFile, ...]


def diagnose(bundle_path: Path) -> Findings:
    """Looks at the machine and tries every engine on the bundle's golden pictures."""
    try:
        bundle: Bundle | None = open_bundle(bundle_path)
        described = f"{bundle.model_id}, all {len(bundle.files)} files intact" if bundle else ""
    except BundleError as error:
        bundle, described = None, str(error)
    return Findings(
        machine=machine_facts(),
        packages=_package_versions(),
        bundle=described,
        engines=_engine_findings(bundle),
        tensorrt=tensorrt_parts(),
        engine_files=engine_files(),
    )


def circumstances() -> dict[str, Any]:
    """Says where and when a measurement happened: version, machine, date in UTC."""
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {"deepbiq": __version__, "machine": machine_facts(), "date": date}


def machine_facts() -> dict[str, str]:
    """Describes the machine in words: system, processor, cores, memory, NVIDIA driver."""
    name, features = processor()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "processor": f"{name}, {os.cpu_count()} cores ({', '.join(features) or 'no known vectors'})",
        "memory": f"{pages / 2**30:.1f} GiB",
        "NVIDIA device": _nvidia_device(),
    }


def _nvidia_device() -> str:
    try:
        return describe_device(find_device())
    except NoDeviceError:
        return "none"
    except EngineError as error:
        return str(error)


def _package_versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _engine_findings(bundle: Bundle | None) -> tuple[EngineFinding, ...]:
    if bundle is None:
        detail = "not tried: the bundle is unusable"
        return tuple(EngineFinding(name, "", works=False, detail=detail) for name in ENGINES)
    onnxruntime = [_try_onnxruntime(bundle, key) for key in bundle.manifest["graphs"]]
    tensorrt = [EngineFinding("tensorrt", *finding) for finding in try_engines(bundle)]
    return (*onnxruntime, *tensorrt)


def _try_onnxruntime(bundle: Bundle, key: str) -> EngineFinding:
    """Scores the golden pictures with one graph; that of INT8 for TensorRT runs here, too, only slower."""
    with ExitStack() as stack:

        @cache
        def scorer_of(plan: str | None) -> Scorer:
            return stack.enter_context(load(bundle.path, engine="onnxruntime", precision=key, plan=plan))

        try:
            found = f"onnxruntime {scorer_of(None).engine.version}"
            checks = check_golden(bundle, key, lambda data, plan: scorer_of(plan)(data).score)
        except DeepBIQError as error:
            return EngineFinding("onnxruntime", key, works=False, detail=str(error))
        return EngineFinding("onnxruntime", key, *_verdict(checks, key.partition("-")[0], found))


def _verdict(checks: list[GoldenCheck], kind: str, found: str) -> tuple[bool, str]:
    if not checks:
        return False, f"{found}, but the bundle has no golden pictures to prove it with"
    fault = golden_fault(checks, kind)
    if fault is not None:
        return False, f"{found}: {fault}"
    difference = max(abs(check.score - check.expected) for check in checks)
    return True, f"{found}, {len(checks)} golden scores, largest difference {difference:.4f}"
