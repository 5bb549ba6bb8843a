"""CUDA behind one small interface, with whichever of two packages is installed: cuda-bindings or pycuda.

`find_device` asks the driver itself, without a package, before anything else is touched: where there is no driver,
TensorRT may end the process.
"""

from __future__ import annotations

from deepbiq.cuda.device import Device, find_device, has_driver
from deepbiq.cuda.driver import NoDeviceError
from deepbiq.cuda.installed import IMPLEMENTATIONS, open_cuda
from deepbiq.cuda.protocol import Cuda

__all__ = ["IMPLEMENTATIONS", "Cuda", "Device", "NoDeviceError", "find_device", "has_driver", "open_cuda"]
