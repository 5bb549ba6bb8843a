"""Memory that a benchmark frees stays with the process while it should, and goes back to the system afterwards."""

from __future__ import annotations

import platform
from resource import RUSAGE_SELF, getpagesize, getrusage

import pytest

from deepbiq_benchmarks.heap import freed_memory_kept

LARGE = 96 << 20
"""More than the 32 MiB up to which glibc keeps blocks by itself."""

glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")


def _fill():
    """Allocates a large block, writes every byte of it, and frees it."""
    assert len(b"x" * LARGE) == LARGE


def faults_of_allocation():
    """Pages that the system has to find while a large block is filled."""
    before = getrusage(RUSAGE_SELF).ru_minflt
    _fill()
    return getrusage(RUSAGE_SELF).ru_minflt - before


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * getpagesize()


@glibc_only
def test_a_large_block_is_had_again_without_the_system_while_memory_is_kept():
    faults_of_allocation()
    outside = faults_of_allocation()
    with freed_memory_kept() as kept:
        assert kept
        faults_of_allocation()
        inside = faults_of_allocation()
    after = faults_of_allocation()
    assert inside <= outside / 10
    assert after >= outside / 2


@glibc_only
def test_what_was_kept_goes_back_to_the_system_in_the_end():
    with freed_memory_kept():
        _fill()
        held = resident_bytes()
    assert held - resident_bytes() >= LARGE / 2


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    with freed_memory_kept() as kept:
        assert kept is False
