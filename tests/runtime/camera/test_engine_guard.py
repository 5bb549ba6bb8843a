"""An engine that fails is loaded anew, and neither floods nor stops the watching."""

import numpy as np
import pytest

from deepbiq import load
from deepbiq.camera import engine_guard
from deepbiq.camera.engine_guard import EngineGuard
from deepbiq.errors import BundleError, EngineError, ImageError

GREY = np.full((64, 64, 3), 128, np.uint8)


class Breakable:
    """Loads real scorers, whose engines can be closed under their hands."""

    def __init__(self, bundle):
        self.bundle = bundle
        self.loaded = []
        self.refuse = False

    def __call__(self):
        if self.refuse:
            raise BundleError("the disk is away")
        self.loaded.append(load(self.bundle))
        return self.loaded[-1]

    def break_engine(self):
        self.loaded[-1].engine.close()


@pytest.fixture
def breakable(tiny_bundle):
    return Breakable(tiny_bundle)


def test_a_bad_picture_is_no_fault_of_the_engine(breakable):
    guard = EngineGuard(breakable)
    with pytest.raises(ImageError):
        guard(np.zeros((2, 2, 3), np.uint8))
    assert not guard.resting
    assert guard(GREY).score == pytest.approx(128 * 100 / 255, abs=0.01)
    assert len(breakable.loaded) == 1


def test_a_failed_engine_rests_and_comes_back(breakable, monkeypatch):
    guard = EngineGuard(breakable)
    breakable.break_engine()
    with pytest.raises(EngineError, match="loaded anew"):
        guard(GREY)
    assert guard.resting
    with pytest.raises(EngineError, match="not back yet"):
        guard(GREY)
    assert len(breakable.loaded) == 1
    monkeypatch.setattr(guard, "_retry_at", 0.0)
    assert not guard.resting
    assert guard(GREY).score == pytest.approx(128 * 100 / 255, abs=0.01)
    assert len(breakable.loaded) == 2


def test_an_engine_that_cannot_be_loaded_is_tried_again_later(breakable, monkeypatch):
    monkeypatch.setattr(engine_guard, "RETRY_SECONDS", 0.0)
    guard = EngineGuard(breakable)
    breakable.break_engine()
    breakable.refuse = True
    for message in ("loaded anew in", "the disk is away", "the disk is away"):
        with pytest.raises(EngineError, match=message):
            guard(GREY)
    breakable.refuse = False
    assert guard(GREY).label == "fair"


def test_a_model_that_never_loads_is_said_at_once(breakable):
    breakable.refuse = True
    with pytest.raises(BundleError, match="the disk is away"):
        EngineGuard(breakable)
