"""What is said between an archive run and its decode processes: one line of JSON for a request, one for its answer.

Pixels do not go this way; an answer only says their shape.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from deepbiq.archive.preparing import Prepared
from deepbiq.archive.row import Facts, Listed

Shape = tuple[int, int, int]

READY = b"ready\n"
"""What a decode process says once it has loaded everything."""


def request_line(listed: Listed, *, decode: bool) -> bytes:
    """Writes a request.

    Args:
        listed: The input.
        decode: Whether pixels are wanted, or only the facts of the file.
    """
    return _line({"decode": decode, "listed": vars(listed)})


def read_request(line: bytes) -> tuple[Listed, bool]:
    """Reads what `request_line` wrote."""
    request = json.loads(line)
    return Listed(**request["listed"]), request["decode"]


def answer_line(prepared: Prepared) -> bytes:
    """Writes everything of an answer but its pixels."""
    facts = dict(vars(prepared.facts))
    if prepared.facts.taken is not None:
        facts["taken"] = prepared.facts.taken.isoformat()
    if prepared.facts.perceptual_hash is not None:
        facts["perceptual_hash"] = prepared.facts.perceptual_hash.hex()
    shape = None if prepared.bgr is None else prepared.bgr.shape
    return _line({"facts": facts, "shape": shape, "warnings": prepared.warnings, "error": prepared.error})


def read_answer(line: bytes) -> tuple[Prepared, Shape | None]:
    """Reads what `answer_line` wrote: the answer without its pixels, and their shape."""
    answer = json.loads(line)
    facts = answer["facts"]
    if facts["taken"] is not None:
        facts["taken"] = datetime.fromisoformat(facts["taken"])
    if facts["perceptual_hash"] is not None:
        facts["perceptual_hash"] = bytes.fromhex(facts["perceptual_hash"])
    prepared = Prepared(Facts(**facts), warnings=tuple(answer["warnings"]), error=answer["error"])
    return prepared, None if answer["shape"] is None else tuple(answer["shape"])


def _line(message: dict[str, Any]) -> bytes:
    # ASCII, so that lone surrogates, which stand for undecodable bytes of paths, survive.
    return json.dumps(message).encode("ascii") + b"\n"
