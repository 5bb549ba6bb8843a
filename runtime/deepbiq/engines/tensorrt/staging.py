"""A tensor's memory on both sides, and how bytes get from one to the other on this device."""

from __future__ import annotations

from enum import Enum

import numpy as np
import numpy.typing as npt

from deepbiq.cuda import Device
from deepbiq.cuda.resources import Resources

COHERENT_SINCE = (7, 2)
"""Compute capability from which on integrated devices keep page-locked memory in the CPU's cache (CUDA for Tegra:
I/O coherency since Xavier)."""


class Staging(Enum):
    """Where the host's side of a tensor lies.

    Attributes:
        MAPPED: In memory that the device works on directly: nothing is copied.
        PINNED: In page-locked memory, from where the device fetches it by itself.
        PAGEABLE: In ordinary memory, where page-locked memory is not cached by the CPU (the first Jetson Nano).
    """

    MAPPED = "mapped"
    PINNED = "pinned"
    PAGEABLE = "pageable"


def staging_for(device: Device) -> Staging:
    """Chooses by what the device is."""
    if not device.integrated:
        return Staging.PINNED
    return Staging.MAPPED if device.compute_capability >= COHERENT_SINCE else Staging.PAGEABLE


class StagedTensor:
    """One tensor's memory, large enough for its largest shape.

    Args:
        resources: Owns the memory.
        size: Bytes.
        staging: Where the host's side lies.

    Attributes:
        host: (size,) uint8, the host's side.
        address: The device's side.
    """

    def __init__(self, resources: Resources, size: int, staging: Staging) -> None:
        self._cuda = resources.cuda
        self._copies = staging is not Staging.MAPPED
        self.host: npt.NDArray[np.uint8] = (
            np.empty(size, dtype=np.uint8)
            if staging is Staging.PAGEABLE
            else resources.host_memory(size, mapped=not self._copies)
        )
        self.address = resources.device_memory(size) if self._copies else self._cuda.device_address(self.host)

    def upload(self, size: int, stream: int) -> None:
        """Starts bringing the first `size` bytes to the device's side."""
        if self._copies:
            self._cuda.copy_to_device(self.address, self.host[:size], stream)

    def download(self, size: int, stream: int) -> None:
        """Starts bringing the first `size` bytes to the host's side."""
        if self._copies:
            self._cuda.copy_to_host(self.host[:size], self.address, stream)
