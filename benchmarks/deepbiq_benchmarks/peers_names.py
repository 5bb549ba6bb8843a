"""The names of the rows, by which checks and tables find them."""

from __future__ import annotations

CROPS = 25
"""The paper's number."""
DEFAULT = "deepbiq as it is"
"""`deepbiq.load()` with nothing chosen but the threads: what every other row is compared with."""
EVERYWHERE = "onnxruntime"
CAFFENET_DENSE = "CaffeNet, deepbiq dense"
CAFFENET_CROPS = "CaffeNet, deepbiq random:25"


def crops_name(network: str, library: str) -> str:
    """Names the row of the paper's crops."""
    return f"{CROPS} crops of {network}, {library}"


def deepbiq_name(plan: str, precision: str, engine: str = EVERYWHERE) -> str:
    """Names the row of a plan, precision and engine of deepbiq; ONNX Runtime goes without saying."""
    return f"deepbiq {plan} {precision}" + ("" if engine == EVERYWHERE else f", {engine}")
