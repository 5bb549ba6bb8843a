"""Which package gives access to CUDA: the one that is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from deepbiq.cuda.protocol import Cuda
from deepbiq.errors import EngineError


def open_cuda(name: str | None = None) -> Cuda:
    """Opens the first device.

    Args:
        name: One of `IMPLEMENTATIONS`; None takes the first one that is installed.

    Raises:
        EngineError: When no package is installed, or the device cannot be used.
    """
    for candidate in IMPLEMENTATIONS if name is None else (name,):
        try:
            return IMPLEMENTATIONS[candidate]()
        except ImportError as error:
            missing = error
    raise EngineError(
        f"no package for CUDA is installed ({missing}): "
        "pip install cuda-bindings, of the major version of the CUDA that the driver supports"
    )


def _with_bindings() -> Cuda:
    from deepbiq.cuda.with_bindings import CudaBindings

    return CudaBindings()


def _with_pycuda() -> Cuda:
    from deepbiq.cuda.with_pycuda import PyCuda

    return PyCuda()


IMPLEMENTATIONS: Mapping[str, Callable[[], Cuda]] = {"cuda-bindings": _with_bindings, "pycuda": _with_pycuda}
"""In order of preference: cuda-bindings comes as a wheel for every Jetson, pycuda is compiled on the device."""
