"""What TensorRT needs of this machine, each part looked at in the order that can harm nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from deepbiq.bundle import Bundle
from deepbiq.cuda import Device, find_device, open_cuda
from deepbiq.engines.tensorrt.cache import CachedEngine, EngineCache
from deepbiq.engines.tensorrt.cache_folder import engine_folder
from deepbiq.engines.tensorrt.golden_proof import prove
from deepbiq.engines.tensorrt.library import tensorrt_version
from deepbiq.engines.tensorrt.prepare import Machine, Preparation, find_builder, find_machine, requested
from deepbiq.engines.tensorrt.request import Family
from deepbiq.engines.tensorrt.sidecar import Sidecar
from deepbiq.errors import DeepBIQError, EngineError
from deepbiq.graphs import CPU_INT8

FAMILIES: tuple[Family, ...] = ("dense", "crops")


@dataclass(frozen=True)
class Part:
    """One thing that TensorRT needs.

    Attributes:
        name: What it is.
        works: Whether it is there and answers.
        detail: What was found, or what is wrong and what to do.
    """

    name: str
    works: bool
    detail: str


@dataclass(frozen=True)
class EngineFile:
    """One engine of the cache.

    Attributes:
        path: Of its sidecar; the plan lies beside it.
        detail: Precision, plans and golden verdict, or what is wrong with it.
    """

    path: str
    detail: str


def tensorrt_parts() -> tuple[Part, ...]:
    """Looks at what TensorRT needs; never touches it where there is no device, since that may end the process."""
    device = _part("device", lambda: describe_device(find_device()))
    looks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("CUDA package", lambda: open_cuda().name),
        ("TensorRT", lambda: f"tensorrt {tensorrt_version()}"),
        ("builder", lambda: f"{find_builder().__module__}: `deepbiq build` works"),
    )
    others = (
        _part(name, look) if device.works else Part(name, works=False, detail="not looked at: no device")
        for name, look in looks
    )
    return (device, *others, _tensorrt_rtx())


def describe_device(device: Device) -> str:
    """Writes a device's facts in one line."""
    memory = "shares its memory with the CPU" if device.integrated else "has its own memory"
    l4t = f", Jetson Linux {device.l4t}" if device.l4t else ""
    return f"{device.name}, compute capability {device.capability}, CUDA {device.driver}{l4t}, {memory}"


def engine_files() -> tuple[EngineFile, ...]:
    """Lists the engines of the cache, whoever they were built for."""
    try:
        entries = list(EngineCache(engine_folder()).entries())
    except EngineError as error:
        return (EngineFile("none", str(error)),)
    return tuple(EngineFile(str(path), _describe(entry)) for path, entry in entries)


def try_engines(bundle: Bundle) -> Iterator[tuple[str, bool, str]]:
    """Runs every cached engine of a bundle on the golden pictures; nothing is built.

    Yields:
        The graph's key with the plans that the engine serves, whether it works, and a detail.
    """
    try:
        machine = find_machine()
    except EngineError as error:
        yield "", False, str(error)
        return
    for key in bundle.manifest["graphs"]:
        if key != CPU_INT8:
            for family in FAMILIES:
                yield f"{key}, {family}", *_try_engine(machine, bundle, key, family)


def _try_engine(machine: Machine, bundle: Bundle, key: str, family: Family) -> tuple[bool, str]:
    try:
        request = requested(bundle, key, family)
        preparation = Preparation(machine, bundle, request)
        found = preparation.find()
        if not isinstance(found, CachedEngine):
            return False, f"{found}; `{preparation.build_command()}` builds it"
        engine = preparation.load(found.plan)
        try:
            proof = prove(bundle, request.graph, family, engine)
        finally:
            engine.close()
    except DeepBIQError as error:
        return False, str(error)
    return proof.passed, f"tensorrt {engine.version}, {proof}"


def _part(name: str, look: Callable[[], str]) -> Part:
    try:
        return Part(name, works=True, detail=look())
    except EngineError as error:
        return Part(name, works=False, detail=str(error))


def _tensorrt_rtx() -> Part:
    purpose = "builds graphs as a test and runs none of them"
    try:
        return Part("TensorRT-RTX", works=True, detail=f"{version('tensorrt-rtx')}: {purpose}")
    except PackageNotFoundError:
        return Part("TensorRT-RTX", works=False, detail=f"not installed, and not needed: {purpose}")


def _describe(entry: Sidecar | str) -> str:
    if isinstance(entry, str):
        return entry
    facts = entry.ingredients
    made = f"{facts.get('precision')}, {facts.get('family')}, TensorRT {facts.get('tensorrt')}, {facts.get('gpu')}"
    return f"{made}: {entry.failure or entry.proof}"
