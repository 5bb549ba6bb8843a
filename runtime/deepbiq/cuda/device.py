"""The NVIDIA device of this machine: whether there is one, and what decides how it is used."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from pathlib import Path

from deepbiq.cuda.driver import LIBRARY, Driver, DriverError, NoDeviceError

L4T_RELEASE = Path("/etc/nv_tegra_release")
_NO_DEVICE = 100
"""CUDA_ERROR_NO_DEVICE in cuda.h."""
_MAJOR, _MINOR, _INTEGRATED = 75, 76, 18
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR and _INTEGRATED in cuda.h."""


@dataclass(frozen=True)
class Device:
    """The first NVIDIA device that this process may use; CUDA_VISIBLE_DEVICES can choose another one.

    Attributes:
        name: For example `Orin`.
        compute_capability: (major, minor).
        integrated: Whether it shares its memory with the CPU, as Jetsons do.
        driver: CUDA version that the driver supports, for example `12.6`.
        l4t: Jetson Linux release, for example `36.4.3`; None on other machines.
    """

    name: str
    compute_capability: tuple[int, int]
    integrated: bool
    driver: str
    l4t: str | None

    @property
    def capability(self) -> str:
        """The compute capability in words, for example `8.7`."""
        return ".".join(map(str, self.compute_capability))


def has_driver(library: str = LIBRARY) -> bool:
    """Says whether an NVIDIA driver is installed; it is loaded, but not asked for a device."""
    try:
        Driver(library)
    except NoDeviceError:
        return False
    return True


def find_device(library: str = LIBRARY) -> Device:
    """Asks the driver for its first device.

    Args:
        library: Name or path of the driver's library.

    Raises:
        NoDeviceError: When there is no driver, or no device that it shows.
        DriverError: When the driver fails.
    """
    driver = Driver(library)
    count = ctypes.c_int()
    try:
        driver.call("cuInit", 0)
        driver.call("cuDeviceGetCount", ctypes.byref(count))
    except DriverError as error:
        if error.code != _NO_DEVICE:
            raise
    if count.value < 1:
        raise NoDeviceError("the NVIDIA driver shows no device (CUDA_VISIBLE_DEVICES may hide it)")
    handle, version, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(256)
    driver.call("cuDeviceGet", ctypes.byref(handle), 0)
    driver.call("cuDeviceGetName", name, len(name), handle)
    driver.call("cuDriverGetVersion", ctypes.byref(version))
    return Device(
        name=name.value.decode(errors="replace"),
        compute_capability=(_attribute(driver, _MAJOR, handle), _attribute(driver, _MINOR, handle)),
        integrated=bool(_attribute(driver, _INTEGRATED, handle)),
        driver=cuda_version(version.value),
        l4t=l4t_release(),
    )


def cuda_version(number: int) -> str:
    """Writes CUDA's version number, for example 12060, as people do: 12.6."""
    return f"{number // 1000}.{number % 1000 // 10}"


def l4t_release(path: Path = L4T_RELEASE) -> str | None:
    """Reads the release of Jetson Linux; None where it is not stated, as on other machines."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", text)
    return f"{found[1]}.{found[2]}" if found else None


def _attribute(driver: Driver, attribute: int, handle: ctypes.c_int) -> int:
    value = ctypes.c_int()
    driver.call("cuDeviceGetAttribute", ctypes.byref(value), attribute, handle)
    return value.value
