"""The engines that were built on this machine: proved before they are kept, checked before they are used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from deepbiq.cache_folder import CACHE_VARIABLE
from deepbiq.engines.tensorrt.build_lock import build_lock
from deepbiq.engines.tensorrt.cache_folder import prepare_folder
from deepbiq.engines.tensorrt.cache_key import Ingredients, key_of
from deepbiq.engines.tensorrt.sidecar import Proof, Sidecar, read_sidecar
from deepbiq.errors import EngineError
from deepbiq.files import write_atomically
from deepbiq.notes import note

Build = Callable[[], bytes]
"""Builds a plan; raises EngineError."""
Prove = Callable[[bytes], Proof]
"""Runs a plan on golden pictures; raises EngineError."""


@dataclass(frozen=True, eq=False)
class CachedEngine:
    """An engine that was proved here, and whose bytes are those that were proved.

    Attributes:
        plan: The plan file's bytes.
        path: Where it lies.
        proof: How it was proved.
    """

    plan: bytes
    path: Path
    proof: Proof


class EngineCache:
    """A folder of plans, each with its sidecar.

    The sidecar names its plan and is replaced in one step, after the plan is completely there: so a process that
    dies at any moment leaves either the old engine or the new one.

    Args:
        folder: Made when something is built.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, ingredients: Ingredients) -> CachedEngine | str:
        """Looks for an engine.

        Returns:
            The engine, or why there is none.
        """
        path = self._sidecar_path(ingredients)
        try:
            sidecar = read_sidecar(path.read_bytes())
        except FileNotFoundError:
            return "no engine was built yet"
        except (OSError, ValueError) as error:
            return f"{path} is damaged ({error})"
        if dict(sidecar.ingredients) != dict(ingredients):
            return f"{path} belongs to another engine"
        if sidecar.failure is not None:
            return sidecar.failure
        return self._read_plan(path, sidecar)

    def failure(self, ingredients: Ingredients) -> str | None:
        """Returns why the last attempt to build an engine failed; None when it did not, or there was none."""
        with suppress(OSError, ValueError):
            sidecar = read_sidecar(self._sidecar_path(ingredients).read_bytes())
            return None if sidecar.failure is None else f"{sidecar.failure} (on {sidecar.built})"
        return None

    def entries(self) -> Iterator[tuple[Path, Sidecar | str]]:
        """Yields every sidecar's path with its content, or with what is wrong with it."""
        for path in sorted(self.folder.glob("*.json")):
            try:
                yield path, read_sidecar(path.read_bytes())
            except (OSError, ValueError) as error:
                yield path, f"damaged ({error})"

    def obtain(self, ingredients: Ingredients, build: Build, prove: Prove, *, fresh: bool = False) -> CachedEngine:
        """Returns the engine of these ingredients; builds, proves and keeps it where there is none.

        Args:
            ingredients: What the engine depends on.
            build: Builds it.
            prove: Proves it; called before it is kept.
            fresh: Build even where there is one; it is kept until the new one is proved.

        Raises:
            EngineError: When it cannot be built, does not reproduce the golden scores, or cannot be kept.
        """
        prepare_folder(self.folder)
        with ExitStack() as held:
            self._lock(ingredients, held)
            found = self.find(ingredients)
            if isinstance(found, CachedEngine) and not fresh:
                return found
            try:
                plan, proof = _built(build, prove)
            except EngineError as error:
                if not isinstance(found, CachedEngine):
                    self._record_failure(ingredients, str(error))
                raise
            return self._keep(ingredients, plan, proof)

    def _lock(self, ingredients: Ingredients, held: ExitStack) -> None:
        path = self._sidecar_path(ingredients).with_suffix(".lock")
        try:
            held.enter_context(build_lock(path, waiting=_say_that_another_builds))
        except OSError as error:
            raise _no_place(path, error) from error

    def _read_plan(self, path: Path, sidecar: Sidecar) -> CachedEngine | str:
        if sidecar.plan_file is None or sidecar.proof is None or not sidecar.proof.passed:
            return f"{path} has no engine that reproduced the golden scores"
        plan_path = self.folder / Path(sidecar.plan_file).name
        try:
            plan = plan_path.read_bytes()
        except OSError as error:
            return f"{plan_path} cannot be read ({error.strerror})"
        if hashlib.sha256(plan).hexdigest() != sidecar.plan_sha256:
            return f"{plan_path} does not match its SHA-256: it was changed or damaged"
        return CachedEngine(plan, plan_path, sidecar.proof)

    def _keep(self, ingredients: Ingredients, plan: bytes, proof: Proof) -> CachedEngine:
        path = self._sidecar_path(ingredients)
        digest = hashlib.sha256(plan).hexdigest()
        plan_path = path.with_name(f"{path.stem}-{digest[:8]}.plan")
        sidecar = Sidecar(ingredients, _now(), plan_path.name, digest, proof)
        try:
            write_atomically(plan_path, plan)
            write_atomically(path, sidecar.to_json())
        except OSError as error:
            raise _no_place(plan_path, error) from error
        for other in self.folder.glob(f"{path.stem}-*.plan"):
            if other != plan_path:
                with suppress(OSError):
                    other.unlink()
        return CachedEngine(plan, plan_path, proof)

    def _record_failure(self, ingredients: Ingredients, failure: str) -> None:
        with suppress(OSError):  # the failure itself is about to be reported
            sidecar = Sidecar(ingredients, _now(), failure=failure)
            write_atomically(self._sidecar_path(ingredients), sidecar.to_json())

    def _sidecar_path(self, ingredients: Ingredients) -> Path:
        name = f"{ingredients['precision']}-{ingredients['family']}-{key_of(ingredients)[:16]}"
        return self.folder / f"{name}.json"


def _built(build: Build, prove: Prove) -> tuple[bytes, Proof]:
    plan = build()
    if not plan:
        raise EngineError("the builder returned an empty plan")
    proof = prove(plan)
    if not proof.passed:
        raise EngineError(f"the engine was built and refused: {proof}")
    return plan, proof


def _say_that_another_builds() -> None:
    note("waiting for another process that builds this engine")


def _no_place(path: Path, error: OSError) -> EngineError:
    return EngineError(
        f"{path}: an engine cannot be kept ({error.strerror}): make room or set {CACHE_VARIABLE} to another folder"
    )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
