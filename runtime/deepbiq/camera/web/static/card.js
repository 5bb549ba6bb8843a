// A camera's card: picture, dial, verdict, hints, chart; and how old all of it is.

import { Chart, Limits } from "/static/chart.js";
import { Dial } from "/static/dial.js";
import { Screen } from "/static/screen.js";
import { camera, send } from "/static/service.js";

const STALE_MS = 3000;
const STALE_INTERVALS = 3;
const ICONS = {
  accept: "M4 10.5l4.2 4.2L16 6",
  warn: "M10 3.5v8M10 15.5v.2",
  reject: "M5 5l10 10M15 5L5 15",
};

function ageInWords(ms) {
  if (ms < 10000) return `${(ms / 1000).toFixed(1)} s old`;
  if (ms < 120000) return `${Math.round(ms / 1000)} s old`;
  return `${Math.round(ms / 60000)} min old`;
}

export class Card {
  constructor(name, { announce, complain }) {
    const template = document.getElementById("camera-template");
    this.root = template.content.firstElementChild.cloneNode(true);
    this.name = name;
    this.announce = announce;
    this.complain = complain;
    this.part("h3").textContent = name;
    this.root.setAttribute("aria-label", name);
    this.dial = new Dial(this.part(".dial"));
    this.chart = new Chart(this.root);
    this.screen = new Screen(this.part(".live"), name);
    this.limits = new Limits(this.root, {
      onMove: (values) => this.showLimits(values),
      onSettle: (values) => this.saveLimits(values),
    });
    this.saved = null;
    this.capturedAt = null;
    this.frame = 0;
    this.interval = 0;
    this.state = "opening";
    this.drift = false;
  }

  part(selector) {
    return this.root.querySelector(selector);
  }

  load(snapshot, history) {
    this.saved = snapshot.thresholds;
    this.limits.show(snapshot.thresholds);
    if (snapshot.drift) this.showDrift(snapshot.drift);
    if (snapshot.state) this.showState(snapshot.state);
    this.chart.load(history);
    // Events may have overtaken the answer: what is shown already can be newer.
    if (snapshot.result && snapshot.result.frame >= this.frame) this.showResult(snapshot.result, 1000 * snapshot.age_s);
  }

  take(event) {
    if (event.event === "camera") this.showState(event);
    if (event.event === "drift") this.showDrift(event);
    if (event.event !== "result") return;
    const before = this.capturedAt;
    this.showResult(event, event.age_ms);
    if (before !== null) this.interval += 0.2 * (this.capturedAt - before - this.interval);
    this.chart.add(this.capturedAt, event.score, event.smoothed);
    if (event.changed) this.announce(`${this.name}: ${[event.verdict, ...event.reasons].join(", ")}`);
  }

  showResult(result, age) {
    this.capturedAt = performance.now() - age;
    this.frame = result.frame;
    this.root.dataset.verdict = result.verdict;
    this.dial.show(result.smoothed);
    this.part(".verdict-word").textContent = result.verdict;
    this.part(".verdict-icon path").setAttribute("d", ICONS[result.verdict]);
    this.reasons = result.reasons;
    this.showHints();
    this.showFacts(result);
    this.screen.show();
    this.tick();
  }

  showHints() {
    const hints = [...(this.reasons ?? []), ...(this.drift ? ["worse than usual"] : [])];
    this.part(".reasons").replaceChildren(
      ...hints.map((hint) => Object.assign(document.createElement("li"), { textContent: hint })),
    );
  }

  showFacts(result) {
    const facts = {
      "This frame": `${result.score.toFixed(1)} ${result.label}`,
      Spread: result.spread.toFixed(1),
      Scored: `${result.ms.total.toFixed(0)} ms`,
      Skipped: result.dropped,
      Engine: `${result.engine} ${result.precision}`,
    };
    this.part(".facts").replaceChildren(
      ...Object.entries(facts).flatMap(([term, value]) => [
        Object.assign(document.createElement("dt"), { textContent: term }),
        Object.assign(document.createElement("dd"), { textContent: value }),
      ]),
    );
  }

  showState(event) {
    this.state = event.state;
    const state = this.part(".state");
    state.dataset.state = event.state;
    state.querySelector(".words").textContent = event.detail ? `${event.state}: ${event.detail}` : event.state;
    this.tick();
  }

  showDrift(event) {
    this.drift = event.alarm;
    this.showHints();
  }

  showLimits(values) {
    this.dial.showLimits(values);
    this.part(".trend-limits").textContent = `accept from ${values.accept}, reject below ${values.reject}`;
  }

  async saveLimits(values) {
    try {
      this.saved = await send("PUT", camera(this.name, "thresholds"), values);
    } catch (error) {
      this.complain(`${this.name}: the thresholds were not changed: ${error.message}`);
    }
    this.limits.show(this.saved);
  }

  tick() {
    if (this.capturedAt === null) return;
    const now = performance.now();
    const age = Math.max(now - this.capturedAt, this.screen.age(now) ?? 0);
    const away = this.state === "lost" || this.state === "ended";
    const stale = away || age > Math.max(STALE_MS, STALE_INTERVALS * this.interval);
    this.root.classList.toggle("stale", stale);
    this.part(".age").textContent = stale ? `stale: ${ageInWords(age)}` : ageInWords(age);
    this.chart.draw();
  }
}
