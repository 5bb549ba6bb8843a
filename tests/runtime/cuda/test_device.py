"""The probe that comes first: on this machine as it is, and on a driver that a C file stands for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deepbiq.cuda import Device, NoDeviceError, find_device, has_driver
from deepbiq.cuda.device import cuda_version, l4t_release
from deepbiq.errors import EngineError

SOURCE = Path(__file__).with_name("driver_library.c")
NO_DRIVER = "libnothing-of-that-name.so.1"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to make a driver of")
    made = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(made), str(SOURCE)], check=True)
    return str(made)


def test_the_facts_of_a_device(library):
    found = find_device(library)
    assert found == Device("Orin 7", (8, 7), integrated=True, driver="12.6", l4t=l4t_release())
    assert found.capability == "8.7"
    assert has_driver(library)


def test_a_device_with_memory_of_its_own(library, monkeypatch):
    monkeypatch.setenv("FAKE_INTEGRATED", "0")
    assert not find_device(library).integrated


def test_without_a_driver():
    with pytest.raises(NoDeviceError, match=f"no NVIDIA driver on this machine .*{NO_DRIVER}.*: install it"):
        find_device(NO_DRIVER)
    assert not has_driver(NO_DRIVER)


@pytest.mark.parametrize("answer", [("FAKE_COUNT", "0"), ("FAKE_INIT", "100")])
def test_a_driver_without_a_device(library, monkeypatch, answer):
    monkeypatch.setenv(*answer)
    with pytest.raises(NoDeviceError, match="CUDA_VISIBLE_DEVICES"):
        find_device(library)


@pytest.mark.parametrize(
    ("variable", "code", "words"),
    [
        ("FAKE_INIT", 999, r"cuInit failed: CUDA_ERROR_UNKNOWN \(999\)"),
        ("FAKE_INIT", 803, "cuInit failed: error 803"),
        ("FAKE_NAME", 999, r"cuDeviceGetName failed: CUDA_ERROR_UNKNOWN \(999\)"),
    ],
)
def test_a_driver_that_fails_is_named_with_its_function(library, monkeypatch, variable, code, words):
    monkeypatch.setenv(variable, str(code))
    with pytest.raises(EngineError, match=words) as failure:
        find_device(library)
    assert not isinstance(failure.value, NoDeviceError)


def test_a_driver_that_lacks_a_function(tmp_path):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to make a driver of")
    (tmp_path / "old.c").write_text("int cuInit(unsigned flags) { return (int)flags; }\n")
    old = tmp_path / "old.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(old), str(tmp_path / "old.c")], check=True)
    with pytest.raises(EngineError, match="too old: it has no cuDeviceGetCount"):
        find_device(str(old))


@pytest.mark.parametrize(("number", "text"), [(12060, "12.6"), (13020, "13.2"), (11040, "11.4"), (10020, "10.2")])
def test_versions_as_people_write_them(number, text):
    assert cuda_version(number) == text


@pytest.mark.parametrize(
    ("text", "release"),
    [
        (
            "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n",
            "36.4.3",
        ),
        (
            "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref\n# KERNEL_VARIANT",
            "32.7.1",
        ),
        ("something else\n", None),
        ("", None),
    ],
)
def test_the_release_of_jetson_linux(tmp_path, text, release):
    (tmp_path / "nv_tegra_release").write_text(text)
    assert l4t_release(tmp_path / "nv_tegra_release") == release
    assert l4t_release(tmp_path / "missing") is None


def test_looking_for_a_device_ends_no_process():
    code = "from deepbiq.nvidia_diagnosis import tensorrt_parts\nprint(tensorrt_parts())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "device" in done.stdout
