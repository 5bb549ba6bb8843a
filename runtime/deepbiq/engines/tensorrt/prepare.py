"""From a bundle to a running TensorRT engine: it is found in the cache or built, proved, kept and loaded."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from deepbiq.bundle import Bundle, default_bundle_path
from deepbiq.cuda import Cuda, Device, find_device, open_cuda
from deepbiq.engines.tensorrt.cache import CachedEngine, EngineCache
from deepbiq.engines.tensorrt.cache_folder import engine_folder
from deepbiq.engines.tensorrt.cache_key import Environment, environment_of, ingredients_of
from deepbiq.engines.tensorrt.engine import TensorRTEngine
from deepbiq.engines.tensorrt.golden_proof import expected_scores, prove
from deepbiq.engines.tensorrt.library import tensorrt_version
from deepbiq.engines.tensorrt.request import BuildRequest, Family, family_of, request_for
from deepbiq.engines.tensorrt.sidecar import Proof
from deepbiq.errors import EngineError, OptionError
from deepbiq.graphs import CPU_INT8, graph_of
from deepbiq.notes import note
from deepbiq.plans import Plan

BuildPlan = Callable[..., bytes]
"""build_plan(request, *, target="tensorrt", timing_cache=PATH) -> the plan file's bytes."""
DLA_VARIABLE = "DEEPBIQ_DLA_CORE"
"""Environment variable: number of the deep learning accelerator's core that engines are built for and run on;
without it they are for the GPU. Such an engine takes batches of 25 crops and no other shape."""
WORKSPACE_VARIABLE = "DEEPBIQ_WORKSPACE_MIB"
"""Environment variable: most scratch memory of a kernel, in MiB, for a device with little memory; without it
TensorRT decides. An engine depends on it, so it must be the same when the engine is built and when it is used."""


@dataclass(frozen=True, eq=False)
class Machine:
    """What TensorRT needs, all of it found and tried.

    Attributes:
        device: The device.
        cuda: Access to it.
        environment: The machine's share of an engine's key.
    """

    device: Device
    cuda: Cuda
    environment: Environment


def find_machine() -> Machine:
    """Looks for a device, a package for CUDA and TensorRT, in this order: without a device TensorRT may crash.

    Raises:
        EngineError: When one is missing or does not work; the message says what to do.
    """
    device = find_device()
    cuda = open_cuda()
    return Machine(device, cuda, environment_of(device, cuda, tensorrt_version()))


def find_builder() -> BuildPlan:
    """Finds the builder, which is not part of the runtime, by its entry point.

    Raises:
        EngineError: When there is none, or its packages are missing.
    """
    for entry in entry_points(group="deepbiq.builders", name="tensorrt"):
        try:
            builder: BuildPlan = entry.load()
        except ImportError as error:
            raise EngineError(f"the TensorRT builder cannot be loaded ({error})") from error
        return builder
    raise EngineError("no TensorRT builder is installed: install deepbiq again")


def requested(bundle: Bundle, precision: str, family: Family) -> BuildRequest:
    """States the engine that the runtime wants of a bundle on this machine.

    Args:
        bundle: The opened bundle.
        precision: As users write it; `auto` takes FP16 where the bundle holds it, and FP32 otherwise.
        family: The plans that it must serve.

    Raises:
        EngineError: When the precision's graph is not made for TensorRT, or an accelerator is to serve `dense`.
        OptionError: When there is no such precision, or a variable of the environment is no number.
        BundleError: When the bundle has no graph of it.
    """
    if precision == CPU_INT8:
        raise EngineError(f"{CPU_INT8} is made for CPUs: TensorRT takes int8, the flavour int8-tensorrt")
    if precision == "auto":
        precision = "fp16" if "fp16" in bundle.manifest["graphs"] else "fp32"
    workspace_mib = _number_of(WORKSPACE_VARIABLE, least=1)
    return request_for(
        graph_of(bundle, precision, "tensorrt"),
        family,
        workspace_bytes=None if workspace_mib is None else workspace_mib << 20,
        dla_core=_number_of(DLA_VARIABLE),
    )


def start_engine(bundle: Bundle, precision: str, plan: Plan, *, again: bool = True) -> TensorRTEngine:
    """Starts TensorRT with the engine for a sampling plan, which is built where the cache has none.

    Args:
        bundle: The opened bundle.
        precision: As users write it.
        plan: The sampling plan.
        again: Whether to build where the last attempt failed, or an intact engine does not load.

    Raises:
        EngineError: When the machine lacks something, or there is no engine that reproduces the golden scores.
        OptionError: When there is no such precision.
        BundleError: When the bundle has no graph of it.
    """
    machine = find_machine()
    return Preparation(machine, bundle, requested(bundle, precision, family_of(plan))).start(again=again)


class Preparation:
    """One engine on its way: which one is wanted, whether it is there, and getting it.

    Args:
        machine: The machine.
        bundle: The opened bundle.
        request: The engine that is wanted.
        folder: Of the cached engines; None takes the user's.
    """

    def __init__(
        self, machine: Machine, bundle: Bundle, request: BuildRequest, *, folder: Path | None = None
    ) -> None:
        self._machine = machine
        self._bundle = bundle
        self._request = request
        self._ingredients = ingredients_of(request, machine.environment)
        self.cache = EngineCache(engine_folder() if folder is None else folder)

    def find(self) -> CachedEngine | str:
        """Returns the cached engine, or why there is none."""
        return self.cache.find(self._ingredients)

    def obtain(self, build_plan: BuildPlan | None = None, *, fresh: bool = False) -> CachedEngine:
        """Returns the cached engine, or builds, proves and keeps it.

        Args:
            build_plan: The builder; None takes the installed one when it is needed.
            fresh: Build even where there is an engine; it stays until the new one is proved.

        Raises:
            EngineError: When there is no engine that reproduces the golden scores.
        """
        request = self._request
        expected_scores(self._bundle, request.graph, request.family)
        found = self.find()
        if isinstance(found, CachedEngine) and not fresh:
            return found
        builder = find_builder() if build_plan is None else build_plan

        def build() -> bytes:
            note(
                f"building a TensorRT engine of {request.graph.key} for {request.family}: "
                "this takes minutes, and only once"
            )
            timing_cache = self.cache.folder / f"{self._machine.environment.tensorrt}.timing"
            return builder(request, target="tensorrt", timing_cache=timing_cache)

        return self.cache.obtain(self._ingredients, build, self._prove, fresh=fresh)

    def load(self, plan: bytes) -> TensorRTEngine:
        """Loads a plan.

        Raises:
            EngineError: When TensorRT refuses it.
        """
        request = self._request
        return TensorRTEngine(
            plan, request.graph, device=self._machine.device, cuda=self._machine.cuda, dla_core=request.dla_core
        )

    def start(self, build_plan: BuildPlan | None = None, *, again: bool = True) -> TensorRTEngine:
        """Obtains the engine and loads it.

        Args:
            build_plan: The builder; None takes the installed one when it is needed.
            again: Whether to try where the last attempt to build it failed, and to build anew what TensorRT refuses
                although it is intact: that may be for want of memory, and would come back at every start.

        Raises:
            EngineError: When there is no engine that reproduces the golden scores.
        """
        failure = None if again else self.cache.failure(self._ingredients)
        if failure is not None:
            raise EngineError(f"{failure}; `{self.build_command()}` tries again")
        cached = self.obtain(build_plan)
        try:
            return self.load(cached.plan)
        except EngineError as error:
            unusable = f"{cached.path} is intact, but cannot be used ({error})"
            if not again:
                raise EngineError(f"{unusable}; `{self.build_command()} --fresh` builds it again") from error
            note(f"{unusable}: building it again")
        return self.load(self.obtain(build_plan, fresh=True).plan)

    def build_command(self) -> str:
        """Returns the command that builds this very engine, in this environment."""
        bundle = [] if self._bundle.path == default_bundle_path() else [str(self._bundle.path)]
        wanted = ["--precision", self._request.graph.key, "--plan", self._request.family]
        return shlex.join(["deepbiq", "build", *bundle, "--target", "tensorrt", *wanted])

    def _prove(self, plan: bytes) -> Proof:
        engine = self.load(plan)
        try:
            return prove(self._bundle, self._request.graph, self._request.family, engine)
        finally:
            engine.close()


def _number_of(variable: str, *, least: int = 0) -> int | None:
    value = os.environ.get(variable)
    if not value:
        return None
    if re.fullmatch("[0-9]{1,9}", value) is None or int(value) < least:
        raise OptionError(
            f"the environment variable {variable} takes a whole number from {least} to 999999999, got {value!r}"
        )
    return int(value)
