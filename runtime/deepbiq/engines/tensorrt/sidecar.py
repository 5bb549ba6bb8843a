"""The JSON file beside a plan: what it was built from, what it must be byte by byte, and how it was proved.

The plan file itself stays pure, so that every program of NVIDIA's can open it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deepbiq.engines.tensorrt.cache_key import Ingredients

SCHEMA = 1


@dataclass(frozen=True)
class Proof:
    """What an engine made of the bundle's golden pictures.

    Attributes:
        passed: Whether every score was within the tolerance.
        scores: How many were compared.
        largest_difference: In score points, from the same graph in ONNX Runtime.
        tolerance: In score points.
    """

    passed: bool
    scores: int
    largest_difference: float
    tolerance: float

    def __str__(self) -> str:
        verdict = "reproduced" if self.passed else "NOT reproduced"
        return (
            f"{self.scores} golden scores {verdict}, largest difference {self.largest_difference:.4f} "
            f"(at most {self.tolerance})"
        )


@dataclass(frozen=True)
class Sidecar:
    """One attempt to build an engine: either a plan with its proof, or a failure.

    Attributes:
        ingredients: What it was built from.
        built: When, in UTC.
        plan_file: Name of the plan file in the same folder; None after a failure.
        plan_sha256: Of the plan file; None after a failure.
        proof: How it was proved; None where it did not come to that.
        failure: Why there is no engine; None where there is one.
    """

    ingredients: Ingredients
    built: str
    plan_file: str | None = None
    plan_sha256: str | None = None
    proof: Proof | None = None
    failure: str | None = None

    def to_json(self) -> bytes:
        """Writes it for `read_sidecar`, and for people."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2).encode() + b"\n"


def read_sidecar(text: bytes) -> Sidecar:
    """Reads what `Sidecar.to_json` wrote.

    Raises:
        ValueError: When it is damaged or of another schema.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(content, dict) or content.pop("schema", None) != SCHEMA:
        raise ValueError(f"not a sidecar of schema {SCHEMA}")
    if not _fits(content, _SIDECAR_TYPES):
        raise ValueError("a field is missing, unknown or of another type")
    proof = content.pop("proof")
    return Sidecar(**content, proof=None if proof is None else Proof(**proof))


def _fits(content: Mapping[str, Any], types: Mapping[str, Any]) -> bool:
    """Says whether there are exactly these fields, of these types, and a proof inside fits as well."""
    if content.keys() != types.keys() or not all(isinstance(content[name], types[name]) for name in types):
        return False
    proof = content.get("proof")
    return proof is None or _fits(proof, _PROOF_TYPES)


_NUMBER = int | float
_PROOF_TYPES = {"passed": bool, "scores": int, "largest_difference": _NUMBER, "tolerance": _NUMBER}
_TEXT_OR_NONE = str | None
_SIDECAR_TYPES = {
    "ingredients": dict,
    "built": str,
    "plan_file": _TEXT_OR_NONE,
    "plan_sha256": _TEXT_OR_NONE,
    "proof": dict | None,
    "failure": _TEXT_OR_NONE,
}
