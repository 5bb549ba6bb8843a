"""The page in a real browser: what it shows, what can be moved and pressed, on large and small screens."""

import re
import threading

import cv2
import pytest

import deepbiq
from deepbiq.camera.events import CameraState, Drift, Fault, Kept, State
from deepbiq.camera.web.hub import WebHub
from deepbiq.camera.web.server import WebServer
from deepbiq.errors import OptionError
from tests.browser import pages, without_chromium
from tests.runtime.camera.watching import wait_until
from tests.runtime.camera.web_material import DEADLINE_S, TOKEN, Knobs, app_of, result_of, serving

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = without_chromium
expect = sync_api.expect
expect.set_options(timeout=1000 * DEADLINE_S)


@pytest.fixture(scope="module")
def scored(samples):
    with deepbiq.load() as scorer:
        yield [(scorer(picture), picture) for picture in map(cv2.imread, map(str, samples))], scorer


class Cameras:
    """A loop that goes on giving results until it is told what to do."""

    def __init__(self, scored):
        self.hub, self.knobs = WebHub(600), Knobs()
        self.results, self.number = scored[0], 0
        self.app = app_of(self.hub, scored[1], self.knobs)
        self.hub.take(CameraState("door", State.LIVE, 1.0))
        for place in range(40):
            self.show(place // 10, age_s=40 - place)
        self._ended = threading.Event()
        self._which = 1
        self._thread = threading.Thread(target=self._run)

    def show(self, which, **details):
        self.number += 1
        self.hub.take(result_of(*self.results[which], number=self.number, **details))

    def _run(self):
        while not self._ended.wait(0.1):
            self.show(self._which)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._ended.set()
        self._thread.join()


@pytest.fixture
def cameras(scored):
    with Cameras(scored) as cameras:
        yield cameras


@pytest.fixture
def address(cameras):
    with serving(cameras.hub, cameras.app) as port:
        yield f"http://localhost:{port}"


@pytest.fixture
def visit(browser, address):
    """Opens the page; at the end nothing may have been said on the console."""
    said = []

    def open_page(*size, **options):
        page = make_page(*size, **options)
        page.on(
            "request", lambda request: None if address in request.url else said.append(f"asked for {request.url}")
        )
        page.goto(address)
        expect(page.locator(".picture")).to_be_visible()
        return page

    with pages(browser, said) as make_page:
        yield open_page
    # Browsers report every refused request on the console, also one that the page expects.
    assert [words for words in said if "409 (Conflict)" not in words] == []


def test_it_shows_the_newest_score_verdict_and_picture(visit, cameras):
    page = visit()
    score = cameras.results[1][0]
    expect(page.locator(".dial-number")).to_have_text(f"{score.score:.1f}")
    expect(page.get_by_role("img", name=f"score {score.score:.1f} of 100")).to_be_visible()
    expect(page.locator(".verdict-word")).to_have_text("accept")
    assert page.locator(".verdict-icon path").get_attribute("d")
    expect(page.locator(".facts")).to_contain_text(f"{score.score:.1f} {score.label}")
    expect(page.locator("#connection .words")).to_have_text("connected")
    height, width = cameras.results[1][1].shape[:2]
    expect(page.locator(".picture")).to_have_js_property("naturalWidth", width)
    expect(page.locator(".picture")).to_have_js_property("naturalHeight", height)
    expect(page.locator(".age")).to_have_text(re.compile(r"^0\.\d s old$"))


def test_hints_and_drift_are_words_and_changes_of_the_verdict_are_announced(visit, cameras):
    page = visit()
    cameras.stop()
    cameras.show(0, smoothed=30.0, changed=True, reasons=("dark", "blurred"))
    cameras.hub.take(Drift("door", True, 70, 50, 1.0))
    expect(page.locator(".verdict-word")).to_have_text("reject")
    expect(page.locator(".reasons li")).to_have_text(["dark", "blurred", "worse than usual"])
    expect(page.locator("#announcer")).to_have_text("door: reject, dark, blurred")
    assert page.locator("#announcer").get_attribute("aria-live") == "polite"
    cameras.show(0, smoothed=31.0, reasons=("dark",))
    expect(page.locator(".dial-number")).to_have_text("31.0")
    expect(page.locator("#announcer")).to_have_text("door: reject, dark, blurred")


def test_a_result_that_grows_old_is_marked_as_stale_and_a_fresh_one_takes_it_back(visit, cameras):
    page = visit()
    card = page.locator(".card")
    expect(card).not_to_have_class(re.compile("stale"))
    cameras.stop()
    expect(card).to_have_class(re.compile("stale"))
    expect(page.locator(".age")).to_have_text(re.compile(r"^stale: \d+(\.\d)? s old$"))
    cameras.show(2)
    expect(card).not_to_have_class(re.compile("stale"))
    cameras.hub.take(CameraState("door", State.LOST, 1.0, "no frame for 5 s"))
    expect(page.locator(".state .words")).to_have_text("lost: no frame for 5 s")
    expect(card).to_have_class(re.compile("stale"))


def test_thresholds_move_by_keyboard(visit, cameras):
    page = visit()
    accept, reject = page.get_by_role("slider", name="Accept from"), page.get_by_role("slider", name="Reject below")
    expect(accept).to_have_attribute("aria-valuenow", "55")
    accept.focus()
    for key in ("ArrowUp", "ArrowUp", "PageUp", "ArrowLeft"):
        page.keyboard.press(key)
    expect(accept).to_have_attribute("aria-valuenow", "61")
    expect(accept).to_have_attribute("aria-valuetext", "accept from 61 on")
    wait_until(lambda: cameras.knobs.limits == {"door": (61.0, 40.0)})
    page.keyboard.press("Tab")
    expect(reject).to_be_focused()
    page.keyboard.press("End")
    expect(reject).to_have_attribute("aria-valuenow", "61")
    page.keyboard.press("Home")
    expect(reject).to_have_attribute("aria-valuenow", "0")
    wait_until(lambda: cameras.knobs.limits == {"door": (61.0, 0.0)})
    expect(page.locator(".trend-limits")).to_have_text("accept from 61, reject below 0")


def test_thresholds_move_by_drag(visit, cameras):
    page = visit()
    line, chart = page.locator(".limit-reject"), page.locator(".chart").bounding_box()
    box = line.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, chart["y"] + 0.8 * chart["height"], steps=5)
    expect(line).to_have_attribute("aria-valuenow", "20")
    assert cameras.knobs.limits == {}, "nothing is changed before it is let go"
    page.mouse.up()
    wait_until(lambda: cameras.knobs.limits == {"door": (55.0, 20.0)})


def test_a_refused_threshold_is_said_and_goes_back(visit, cameras, monkeypatch):
    def refuse(camera, accept, reject):
        raise OptionError("not today")

    page = visit()
    monkeypatch.setattr(cameras.knobs, "set_thresholds", refuse)
    accept = page.get_by_role("slider", name="Accept from")
    accept.press("ArrowUp")
    expect(page.get_by_role("status")).to_contain_text("not today")
    expect(accept).to_have_attribute("aria-valuenow", "55")


def test_the_quality_map_is_laid_over_the_picture_and_taken_off(visit):
    page = visit()
    toggle, layer = page.get_by_role("button", name="Quality map"), page.locator(".map")
    expect(layer).to_be_hidden()
    toggle.click()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    wait_until(lambda: page.evaluate("document.querySelector('.map').naturalWidth") > 0)
    assert layer.bounding_box() == page.locator(".picture").bounding_box()
    toggle.press("Enter")
    expect(layer).to_be_hidden()


def test_a_best_frame_appears_and_opens(visit, cameras, samples):
    page = visit()
    expect(page.locator("#no-best")).to_be_visible()
    page.get_by_role("button", name="Keep the best now").click()
    wait_until(lambda: cameras.knobs.triggers == ["page"])
    expect(page.get_by_role("status")).to_contain_text("Triggered")
    cameras.hub.take(Kept("door", str(samples[1]), 71.26, 1_700_000_000.0, "page"))
    thumbnail = page.locator("#gallery button")
    expect(thumbnail).to_have_accessible_name(re.compile(r"^door, score 71\.3, "))
    thumbnail.press("Enter")
    viewer = page.get_by_role("dialog")
    expect(viewer).to_be_visible()
    expect(viewer.get_by_role("heading")).to_have_text("door: 71.3")
    wait_until(lambda: page.evaluate("document.querySelector('#viewer-picture').naturalWidth") > 0)
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(thumbnail).to_be_focused()


def test_faults_are_listed_as_text(visit, cameras):
    page = visit()
    cameras.hub.take(Fault("door", "<img src=x onerror=alert(1)>", 1.0))
    expect(page.locator("#faults li")).to_contain_text("door: <img src=x onerror=alert(1)>")
    assert page.locator("#faults img").count() == 0


def test_a_camera_that_appears_later_gets_its_card(visit, cameras):
    page = visit()
    cameras.hub.take(CameraState("yard", State.OPENING, 1.0))
    expect(page.get_by_role("article", name="yard").locator(".state .words")).to_have_text("opening")
    expect(page.get_by_role("article")).to_have_count(2)


@pytest.mark.parametrize(
    ("width", "height", "scheme"),
    [(320, 640, "dark"), (375, 812, "light"), (800, 1000, "dark"), (1280, 900, "light"), (1280, 900, "dark")],
)
def test_it_fits_every_screen_and_can_be_read_in_light_and_dark(visit, samples, cameras, width, height, scheme):
    cameras.hub.take(Kept("door", str(samples[1]), 71.0, 1_700_000_000.0, "page"))
    page = visit(width, height, color_scheme=scheme)
    expect(page.locator("#gallery button")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRASTS) == []
    for button in page.get_by_role("button").all():
        assert button.bounding_box()["height"] >= 36


def test_who_wants_less_motion_gets_none(visit):
    page = visit(reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.querySelector('.dial-needle')).transitionProperty") == "none"


def test_the_focus_can_be_seen(visit):
    page = visit()
    for _ in range(4):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outline")
        assert "solid 3px" in outline


def test_the_page_comes_back_by_itself_when_the_service_does(browser, scored):
    with Cameras(scored) as first, serving(first.hub, first.app) as port:
        page = browser.new_page()
        page.goto(f"http://localhost:{port}")
        expect(page.locator("#connection .words")).to_have_text("connected")
    expect(page.locator("#connection .words")).to_have_text("reconnecting")
    with Cameras(scored) as second:
        server = WebServer(second.app, "127.0.0.1", port)
        server.start()
        expect(page.locator("#connection .words")).to_have_text("connected")
        second.hub.take(Fault(None, "after the return", 1.0))
        expect(page.locator("#faults")).to_contain_text("after the return")
        page.close()
        second.hub.close()
        server.close()


def test_the_page_works_with_a_token(browser, scored, samples):
    with Cameras(scored) as cameras:
        app = app_of(cameras.hub, scored[1], cameras.knobs, token=TOKEN, host="0.0.0.0")
        with serving(cameras.hub, app) as port:
            context = browser.new_context(viewport={"width": 375, "height": 812})
            page = context.new_page()
            page.goto(f"http://localhost:{port}/")
            page.get_by_label("Token of this camera service").fill("a-wrong-token-of-some-length")
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("alert")).to_have_text("The token is wrong.")
            page.get_by_label("Token of this camera service").fill(TOKEN)
            page.keyboard.press("Enter")
            expect(page.locator(".picture")).to_be_visible()
            expect(page.locator("#connection .words")).to_have_text("connected")
            page.get_by_role("button", name="Keep the best now").click()
            wait_until(lambda: cameras.knobs.triggers == ["page"])
            assert TOKEN not in page.url
            assert page.evaluate("document.cookie") == ""
            context.clear_cookies()
            page.reload()
            expect(page.get_by_label("Token of this camera service")).to_be_visible()
            context.close()


# Visible words whose colour stands out less than 4.5:1 from what lies behind them (WCAG 2.2, 1.4.3).
CONTRASTS = """
(() => {
  const parts = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => {
    const [r, g, b] = c.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = parts(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const faults = [];
  for (const element of document.querySelectorAll('body *')) {
    const words = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!words || !element.checkVisibility() || element.closest('template, .screen, .visually-hidden')) continue;
    const style = getComputedStyle(element);
    const ink = light(parts(element.closest('svg') ? style.fill : style.color).slice(0, 3));
    const paper = light(behind(element));
    const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (contrast < 4.5) faults.push(`${element.className.baseVal ?? element.className} ${contrast.toFixed(2)}`);
  }
  return faults;
})()
"""
