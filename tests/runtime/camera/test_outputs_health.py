import json

import pytest

from deepbiq.camera.events import Fault, State
from deepbiq.camera.health import Health
from tests.runtime.camera.output_events import a_result, a_state


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(clock):
    return Health(["door", "yard"], 5.0, 20.0, clock=clock)


def feed(health, clock, camera):
    health.take(a_state(State.LIVE, camera))
    health.take(a_result(camera, captured=clock.now))


def test_live_while_the_loop_turns(health, clock):
    assert health.live() == {"ok": True, "turned_s": 0.0}
    clock.now += 20
    assert health.live() == {"ok": False, "turned_s": 20.0}
    health.tick()
    assert health.live()["ok"]


def test_ready_when_every_camera_is_live_with_a_fresh_result(health, clock):
    assert not health.ready()["ok"]
    feed(health, clock, "door")
    assert not health.ready()["ok"]
    feed(health, clock, "yard")
    clock.now += 1
    camera = {"ok": True, "state": "live", "age_s": 1.0}
    assert health.ready() == {"ok": True, "cameras": {"door": camera, "yard": camera}}
    json.dumps(health.ready())


def test_not_ready_when_a_result_is_stale(health, clock):
    feed(health, clock, "door")
    clock.now += 3
    feed(health, clock, "yard")
    clock.now += 2
    assert health.ready()["cameras"]["door"] == {"ok": False, "state": "live", "age_s": 5.0}
    assert health.ready()["cameras"]["yard"]["ok"]
    assert not health.ready()["ok"]


def test_not_ready_while_a_camera_is_lost(health, clock):
    feed(health, clock, "door")
    feed(health, clock, "yard")
    health.take(a_state(State.LOST, "yard"))
    assert not health.ready()["ok"]
    health.take(a_state(State.LIVE, "yard"))
    assert health.ready()["ok"]


def test_a_camera_that_ended_does_not_count(health, clock):
    feed(health, clock, "door")
    health.take(a_state(State.ENDED, "yard"))
    health.take(Fault("yard", "bad frame", 0.0))
    assert health.ready()["ok"]
