from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def rtx():
    """TensorRT-RTX, which builds without a GPU."""
    return pytest.importorskip("tensorrt_rtx", reason="needs the extra deepbiq[tensorrt-rtx]")
