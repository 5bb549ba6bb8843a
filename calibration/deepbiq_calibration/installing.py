"""Putting finished graphs into a bundle, with the scores that they must give to its golden pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepbiq.bundle import Bundle, write_bundle
from deepbiq.errors import OptionError
from deepbiq.reference import score_golden
from deepbiq_calibration.outcome import Outcome
from deepbiq_calibration.trial import with_graph


def key_of(flavour: str) -> str:
    """Names a flavour's graph in the manifest."""
    return f"int8-{flavour}"


def install(
    bundle: Bundle, outcomes: Sequence[Outcome], drawn: Mapping[str, Any], out: Path, threads: int | None
) -> None:
    """Writes a bundle with the chosen graphs; what was there is replaced only by a complete one.

    Args:
        bundle: The bundle that was calibrated.
        outcomes: One for each flavour, each with a chosen step.
        drawn: What the manifest says of the pictures.
        out: Folder of the bundle.
        threads: Threads of one inference.

    Raises:
        BundleError: When `out` exists and is not a bundle.
        OptionError: When it cannot be written.
    """
    grown = bundle
    for outcome in outcomes:
        key = key_of(outcome.flavour)
        assert outcome.chosen is not None
        told = {"calibration": {**outcome.summary(), "pictures": dict(drawn)}}
        grown = with_graph(grown, key, f"model.{key}.onnx", outcome.chosen.graph, told)
        told["golden"] = score_golden(grown, key, threads=threads)
        grown = with_graph(grown, key, f"model.{key}.onnx", outcome.chosen.graph, told)
    manifest = {name: value for name, value in grown.manifest.items() if name != "files"}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bundle(out, manifest, grown.files)
    except OSError as error:
        raise OptionError(f"the bundle cannot be written to {out}: {error}") from error
