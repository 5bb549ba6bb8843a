"""The state of an NVIDIA device, from what Jetsons and nvidia-smi tell."""

import pytest

from deepbiq.cuda import NoDeviceError, find_device
from deepbiq_benchmarks.latency_device import device_or_none, device_state, jetson_state, smi_state
from deepbiq_benchmarks.latency_text import as_text


def program(folder, name, script):
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize("gpu", ["17000000.gpu", "17000000.ga10b", "57000000.gpu"])
def test_a_jetson(tmp_path, programs, gpu):
    program(programs, "nvpmodel", 'test "$1" = -q && printf "NV Power Mode: MAXN_SUPER\\n2\\n"')
    write(
        tmp_path / "sys",
        {
            "class/devfreq/15340000.vic/cur_freq": "115200000\n",
            f"class/devfreq/{gpu}/cur_freq": "306000000\n",
            f"class/devfreq/{gpu}/max_freq": "1020000000\n",
            "class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "class/thermal/thermal_zone0/temp": "48312\n",
            "class/thermal/thermal_zone1/type": "gpu-thermal\n",
            "class/thermal/thermal_zone1/temp": "47000\n",
            "class/thermal/thermal_zone2/type": "switched-off\n",
            "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "729600\n",
            "devices/system/cpu/cpu5/cpufreq/scaling_cur_freq": "1728000\n",
        },
    )
    assert jetson_state(tmp_path / "sys") == {
        "power_mode": "MAXN_SUPER",
        "gpu_mhz": 306,
        "gpu_max_mhz": 1020,
        "cpu_mhz": 1728,
        "temperature_c": {"cpu-thermal": 48.312, "gpu-thermal": 47},
    }


def test_a_machine_that_tells_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert jetson_state(tmp_path) == {
        "power_mode": None, "gpu_mhz": None, "gpu_max_mhz": None, "cpu_mhz": None, "temperature_c": {}
    }  # fmt: skip
    state = smi_state("RTX")
    assert state.pop("temperature_c") == {"gpu": None}
    assert set(state.values()) == {None}


def test_nvidia_smi_is_asked_for_the_device_by_its_name(programs):
    others = "Quadro, P8, 100, 9, 300, 1500, 400, 30"
    program(programs, "nvidia-smi", f'echo "{others}"; echo "RTX 4090, P0, 450.00, [N/A], 2520, 3105, 10501, 61"')
    assert smi_state("RTX 4090") == {
        "power_mode": "P0",
        "power_limit_w": 450,
        "power_w": None,
        "gpu_mhz": 2520,
        "gpu_max_mhz": 3105,
        "memory_mhz": 10501,
        "temperature_c": {"gpu": 61},
    }


@pytest.mark.parametrize("script", ["exit 9", "echo nonsense", "echo RTX"])
def test_programs_that_fail_tell_nothing(programs, script):
    for name in ("nvidia-smi", "nvpmodel"):
        program(programs, name, script)
    assert smi_state("RTX")["power_mode"] is None
    assert jetson_state(programs)["power_mode"] is None


def test_the_text_has_the_device():
    figures = {f"{name}_ms": 1.25 for name in ("p50", "p90", "p95", "p99", "mean")}
    state = {"power_mode": "15W", "gpu_mhz": 306, "gpu_max_mhz": 1020, "temperature_c": {"gpu-thermal": 47.5}}
    events = {"n": 5, "upload": None, "compute": figures, "download": None}
    stages = dict.fromkeys(("decode", "sample", "infer", "regress", "total"), figures)
    result = {
        "plan": "dense", "engine": "tensorrt", "precision": "fp16", "threads": None, "model": "net@1",
        "image": "a.jpg", "image_wh": [8, 8], "image_bytes": 1, "n": 5, "warm_up": 1, "batch": 1, "concurrency": 1,
        "pictures_per_s": 800.0, "variation": 0.01, "max_variation": 0.2, "disturbed": False,
        "stages": stages, **figures, "nvidia": {"before": state, "after": state, "cuda_events": events},
    }  # fmt: skip
    lines = as_text(result).splitlines()
    assert "CUDA compute        1.25      1.25      1.25      1.25      1.25" in lines
    assert not any("upload" in line for line in lines)
    assert "device after  power mode 15W, GPU 306 of 1020 MHz, degrees Celsius: gpu-thermal 47.5" in lines


def test_without_a_device_there_is_none():
    try:
        find_device()
    except NoDeviceError:
        assert device_or_none() is None
    else:
        pytest.skip("there is an NVIDIA device")


@pytest.mark.gpu
def test_this_device():
    device = device_or_none()
    if device is None:
        pytest.skip("no NVIDIA device on this machine")
    state = device_state(device)
    assert 0 < state["gpu_mhz"] <= state["gpu_max_mhz"]
    assert all(0 < celsius < 120 for celsius in state["temperature_c"].values())
