"""What tests of several benchmarks share."""

import pytest


@pytest.fixture
def short_turns(monkeypatch):
    """Turns of one call after one uncounted call: how long turns last has tests of its own."""
    monkeypatch.setattr("deepbiq_benchmarks.alternation.WARM_UP_SECONDS", 0)
    monkeypatch.setattr("deepbiq_benchmarks.alternation.TIMED_SECONDS", 0)
