"""A bundle on its way to the nodes of a cluster, which do not see the folders of the machine that starts a run."""

from __future__ import annotations

import io
import os
import socket
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from deepbiq.archive.grading import yardstick_of
from deepbiq.archive.preparing import Preparation
from deepbiq.archive.row import Yardstick
from deepbiq.bundle import MANIFEST, SEAL, open_bundle
from deepbiq.errors import BundleError
from deepbiq.imaging import Limits
from deepbiq.scorer import Scorer, load


def pack_bundle(path: Path) -> bytes:
    """Returns a bundle as the bytes of a zip.

    Args:
        path: Folder or zip of a bundle.

    Raises:
        BundleError: When it is damaged or missing.
    """
    files = open_bundle(path).files
    if path.is_file():
        return path.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name in (MANIFEST, SEAL):
            archive.writestr(name, (path / name).read_bytes())
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def load_like(
    yardstick: Yardstick, how: Preparation, *, packed: bytes | None, engine: str, threads: int | None
) -> Scorer:
    """Loads a scorer on a node and makes sure that its scores can stand beside all others of the run.

    Args:
        yardstick: What the run's scores have in common.
        how: Its limits hold here, too.
        packed: The bundle, from `pack_bundle`; None takes the one that ships with deepbiq.
        engine: As in `load`.
        threads: As in `load`.

    Raises:
        BundleError: When the scores would be those of another model; names the node and both.
        EngineError: When the engine does not start here.
    """
    limits = Limits(how.max_pixels, how.max_bytes)
    with _file_of(packed) as path:
        scorer = load(
            path,
            engine=engine,
            precision=yardstick.precision,
            plan=yardstick.plan,
            pool=yardstick.pool,
            scale=yardstick.scale,
            threads=threads,
            limits=limits,
        )
    found, wanted = asdict(yardstick_of(scorer)), asdict(yardstick)
    if found != wanted:
        scorer.close()
        differ = ", ".join(
            f"{name} {found[name]} instead of {wanted[name]}" for name in found if found[name] != wanted[name]
        )
        raise BundleError(
            f"node {socket.gethostname()} would score with {differ}: install the same deepbiq on every node"
        )
    return scorer


@contextmanager
def _file_of(packed: bytes | None) -> Iterator[Path | None]:
    """Makes bytes a file for a moment: in memory, where nothing is left of it if the actor is killed."""
    if packed is None:
        yield None
        return
    with os.fdopen(os.memfd_create("deepbiq-bundle"), "wb") as file:
        file.write(packed)
        file.flush()
        yield Path(f"/proc/self/fd/{file.fileno()}")
