"""The state of an NVIDIA device while latency is measured: power mode, clocks, temperatures."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from deepbiq.cuda import Device, find_device
from deepbiq.errors import EngineError

SYS = Path("/sys")
MODEL = Path("/proc/device-tree/model")
"""Where boards such as Jetsons state their names."""
_SMI_FIELDS = {
    "pstate": "power_mode",
    "power.limit": "power_limit_w",
    "power.draw": "power_w",
    "clocks.sm": "gpu_mhz",
    "clocks.max.sm": "gpu_max_mhz",
    "clocks.mem": "memory_mhz",
    "temperature.gpu": "gpu",
}


def device_or_none() -> Device | None:
    """Returns this machine's NVIDIA device, or None where there is none that answers."""
    try:
        return find_device()
    except EngineError:
        return None


def machine_name(device: Device | None, processor: str, model: Path = MODEL) -> str:
    """Names the machine for a file: the board, or the NVIDIA device, or the processor.

    Args:
        device: The NVIDIA device, if any.
        processor: As `deepbiq.diagnosis.machine_facts` describes it.
        model: File with the board's name.
    """
    with suppress(OSError):
        return model.read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    return device.name if device else processor.partition(" (")[0]


def device_state(device: Device) -> dict[str, Any]:
    """Reads the state of a device; what the machine does not tell is None."""
    return jetson_state() if device.integrated else smi_state(device.name)


def jetson_state(sys: Path = SYS) -> dict[str, Any]:
    """Reads a Jetson's power mode from nvpmodel, clocks in MHz and temperatures in Celsius from /sys."""
    gpu = next((folder for folder in sorted(sys.glob("class/devfreq/*")) if _is_gpu(folder.name)), sys / "none")
    cpus = [_number(file, 1e3) for file in sys.glob("devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")]
    mode = re.search(r"NV Power Mode:\s*(\S+)", _output_of("nvpmodel", "-q"))
    return {
        "power_mode": mode[1] if mode else None,
        "gpu_mhz": _number(gpu / "cur_freq", 1e6),
        "gpu_max_mhz": _number(gpu / "max_freq", 1e6),
        "cpu_mhz": max((mhz for mhz in cpus if mhz is not None), default=None),
        "temperature_c": _zones(sys),
    }


def smi_state(name: str) -> dict[str, Any]:
    """Reads the state of the first device of a name from nvidia-smi: clocks in MHz, power in W.

    The power mode is the performance state, P0 (fastest) to P15.
    """
    query = ("--query-gpu=name," + ",".join(_SMI_FIELDS), "--format=csv,noheader,nounits")
    rows = [line.split(", ") for line in _output_of("nvidia-smi", *query).splitlines()]
    found = next((row[1:] for row in rows if row[0] == name and len(row) == 1 + len(_SMI_FIELDS)), None)
    values = dict(zip(_SMI_FIELDS.values(), found or [""] * len(_SMI_FIELDS), strict=True))
    mode = values.pop("power_mode")
    figures = {key: _parsed(value) for key, value in values.items()}
    temperature_c = {"gpu": figures.pop("gpu")}
    return {"power_mode": mode or None, **figures, "temperature_c": temperature_c}


def _is_gpu(name: str) -> bool:
    """Recognises the GPU's clock by its name: `57000000.gpu`, or the chip's own as `17000000.ga10b`."""
    return re.search(r"\.(gpu|gp10b|gv11b|ga10b)$", name) is not None


def _zones(sys: Path) -> dict[str, float]:
    """Temperatures by thermal zone; a zone that is switched off cannot be read and is left out."""
    found = {}
    for zone in sorted(sys.glob("class/thermal/thermal_zone*")):
        celsius = _number(zone / "temp", 1e3)
        if celsius is not None:
            with suppress(OSError):
                found[(zone / "type").read_text(encoding="utf-8").strip()] = celsius
    return found


def _number(file: Path, unit: float) -> float | None:
    try:
        return _parsed(file.read_text(encoding="utf-8"), unit)
    except OSError:
        return None


def _parsed(text: str, unit: float = 1) -> float | None:
    """Reads a number; nvidia-smi writes [N/A] where a device has none."""
    try:
        return float(text) / unit
    except ValueError:
        return None


def _output_of(program: str, *arguments: str) -> str:
    """Returns what a program prints; nothing where it is missing, fails or does not answer."""
    path = shutil.which(program)
    if path is None:
        return ""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(  # noqa: S603  # NVIDIA's own programs, fixed arguments
            [path, *arguments], capture_output=True, text=True, timeout=10, check=True
        )
        return done.stdout
    return ""
