"""Graphs that ONNX Runtime has optimised for this processor, kept so that a process need not do it again.

Optimising takes longer than everything else that a session does when it starts. `deepbiq tune` keeps the graph of
the configuration it chose; where there is none, or it is damaged, the bundle's own graph is optimised as ever.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from deepbiq.cache_folder import cache_folder, keep
from deepbiq.errors import EngineError
from deepbiq.graphs import Graph
from deepbiq.processor import processor

DIGEST_BYTES = 32
_FOLDER = "graphs"


def prepared_graph(graph: Graph) -> bytes | None:
    """Returns the graph as it was optimised on this machine by this ONNX Runtime, or None."""
    try:
        folder = cache_folder() / _FOLDER
        if not folder.is_dir():
            return None
        data = (folder / _name_of(graph)).read_bytes()
    except (OSError, EngineError):
        return None
    digest, model = data[:DIGEST_BYTES], data[DIGEST_BYTES:]
    return model if hashlib.sha256(model).digest() == digest else None


def prepare_graph(graph: Graph) -> Path:
    """Optimises a graph for this processor and keeps it for `prepared_graph`.

    Args:
        graph: A graph that ONNX Runtime has run before.

    Returns:
        The file: the SHA-256 of what follows, then the ONNX file.

    Raises:
        OptionError: When it cannot be written.
    """
    model = _optimised(graph.model)
    return keep(_FOLDER, _name_of(graph), hashlib.sha256(model).digest() + model)


def session_options(threads: int) -> Any:
    """Makes ONNX Runtime's options for one inference with so many threads; 0 is one per physical core."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # Idle threads would go on spinning for a while after each inference and slow what comes next: decoding and
    # shrinking the following picture, on devices with few cores.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 4
    return options


def _optimised(model: bytes) -> bytes:
    import onnxruntime as ort

    with tempfile.TemporaryDirectory(prefix="deepbiq-") as folder:
        target = Path(folder) / "optimised.onnx"
        options = session_options(1)
        options.optimized_model_filepath = os.fspath(target)
        ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return target.read_bytes()


def _name_of(graph: Graph) -> str:
    import onnxruntime as ort

    told = "\n".join([ort.__version__, *map(str, processor()), hashlib.sha256(graph.model).hexdigest()])
    return f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.onnx"
