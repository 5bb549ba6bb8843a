"""What the tests of the web page need: results of scored pictures, knobs that remember, a real server."""

from __future__ import annotations

import time
from contextlib import contextmanager

from deepbiq.camera.config import WebSection
from deepbiq.camera.events import Result, Signals, Verdict
from deepbiq.camera.frame import Frame
from deepbiq.camera.web.app import create_app
from deepbiq.camera.web.server import WebServer
from deepbiq.errors import OptionError

DEADLINE_S = 20
TOKEN = "a-token-of-many-characters"
SIGNALS = Signals(brightness=0.5, shadows=0.0, highlights=0.0, sharpness=0.2, noise=1.0, change=None)


class Knobs:
    """Controls that remember what was changed."""

    def __init__(self):
        self.limits = {}
        self.triggers = []

    def thresholds(self, camera):
        return self.limits.get(camera, (55.0, 40.0))

    def set_thresholds(self, camera, accept, reject):
        if reject > accept:
            raise OptionError(f"reject ({reject}) must not lie above accept ({accept})")
        self.limits[camera] = (accept, reject)

    def trigger(self, name):
        self.triggers.append(name)


class Well:
    """Health of a loop whose cameras may be unwell."""

    def __init__(self):
        self.is_ready = True

    def live(self):
        return {"ok": True}

    def ready(self):
        return {"ok": self.is_ready}


def frame_of(bgr, camera="door", number=1, age_s=0.05):
    return Frame(camera, number, bgr, time.monotonic() - age_s, time.time() - age_s)


def result_of(score, bgr, camera="door", number=1, changed=False, reasons=(), smoothed=None, age_s=0.05):
    smoothed = score.score if smoothed is None else smoothed
    verdict = Verdict.ACCEPT if smoothed >= 55 else Verdict.WARN if smoothed >= 40 else Verdict.REJECT
    frame = frame_of(bgr, camera, number, age_s)
    return Result(frame, score, smoothed, verdict, changed, tuple(reasons), SIGNALS, 0.03, 0)


def app_of(hub, scorer, knobs=None, *, token=None, health=None, **web):
    config = WebSection(serve=True, **web)
    return create_app(
        hub,
        config,
        scorer,
        scorer.setting,
        Knobs() if knobs is None else knobs,
        token=token,
        metrics=lambda: (b"deepbiq_up 1\n", "text/plain; version=0.0.4; charset=utf-8"),
        health=Well() if health is None else health,
    )


@contextmanager
def serving(hub, app, host="127.0.0.1"):
    """Runs a real server; gives its port."""
    server = WebServer(app, host, 0)
    port = server.start()
    try:
        yield port
    finally:
        hub.close()
        server.close()
