// The chart: smoothed scores and scores of single frames over time; its lines are thresholds to move.

const WIDTH = 600;
const MOST_POINTS = 1800;
const LEAST_SPAN_S = 30;
const GAP_SHARE = 0.03;
const DRAW_MS = 200;
const SETTLE_MS = 350;
const STEPS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 5, PageDown: -5, Home: -100, End: 100 };

function spanInWords(seconds) {
  return seconds >= 120 ? `\u2212${Math.round(seconds / 60)} min` : `\u2212${Math.round(seconds)} s`;
}

export class Chart {
  constructor(root) {
    this.line = root.querySelector(".chart-line");
    this.raw = root.querySelector(".chart-raw");
    this.start = root.querySelector(".chart-start");
    this.spanS = LEAST_SPAN_S;
    this.points = [];
    this.drawn = 0;
  }

  load(history) {
    const now = performance.now();
    this.spanS = history.span_s;
    this.points = history.age_s.map((age, i) => ({
      at: now - 1000 * age,
      score: history.score[i],
      smoothed: history.smoothed[i],
    }));
    this.draw();
  }

  add(at, score, smoothed) {
    const last = this.points[this.points.length - 1];
    if (last && at - last.at < (1000 * this.spanS) / MOST_POINTS) return;
    this.points.push({ at, score, smoothed });
    const oldest = at - 1000 * this.spanS;
    while (this.points[0].at < oldest) this.points.shift();
  }

  draw() {
    const now = performance.now();
    if (now - this.drawn < DRAW_MS || !this.points.length) return;
    this.drawn = now;
    const covered = (now - this.points[0].at) / 1000;
    const spanS = Math.min(this.spanS, Math.max(LEAST_SPAN_S, covered));
    this.line.setAttribute("d", this.path("smoothed", now, spanS));
    this.raw.setAttribute("d", this.path("score", now, spanS));
    this.start.textContent = spanInWords(spanS);
  }

  path(key, now, spanS) {
    let before = -Infinity;
    return this.points
      .map((point) => {
        const x = WIDTH * (1 - (now - point.at) / (1000 * spanS));
        const move = x - before > WIDTH * GAP_SHARE ? "M" : "L";
        before = x;
        return `${move}${x.toFixed(1)} ${(100 - point[key]).toFixed(2)}`;
      })
      .join("");
  }
}

export class Limits {
  constructor(root, { onMove, onSettle }) {
    this.chart = root.querySelector(".chart");
    this.onMove = onMove;
    this.onSettle = onSettle;
    this.handles = { accept: root.querySelector(".limit-accept"), reject: root.querySelector(".limit-reject") };
    this.values = { accept: 0, reject: 0 };
    this.busy = false;
    for (const name of Object.keys(this.handles)) this.make(name);
  }

  make(name) {
    const handle = this.handles[name];
    handle.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.move(name, Math.round(this.values[name]) + step);
      this.settleSoon();
    });
    handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      handle.focus();
      handle.setPointerCapture(event.pointerId);
      handle.classList.add("held");
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = this.chart.getBoundingClientRect();
      this.move(name, Math.round(100 * (1 - (event.clientY - box.top) / box.height)));
    });
    handle.addEventListener("lostpointercapture", () => {
      handle.classList.remove("held");
      if (this.busy) this.settle();
    });
  }

  move(name, wanted) {
    const [least, most] = name === "accept" ? [this.values.reject, 100] : [0, this.values.accept];
    const value = Math.min(most, Math.max(least, wanted));
    if (value === this.values[name]) return;
    this.busy = true;
    this.values = { ...this.values, [name]: value };
    this.draw();
  }

  settleSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(), SETTLE_MS);
  }

  settle() {
    clearTimeout(this.timer);
    this.busy = false;
    this.onSettle(this.values);
  }

  show(values) {
    if (this.busy) return;
    this.values = values;
    this.draw();
  }

  draw() {
    for (const [name, handle] of Object.entries(this.handles)) {
      const value = this.values[name];
      handle.style.top = `${100 - value}%`;
      handle.querySelector(".grip").dataset.words = `${name} ${value}`;
      handle.setAttribute("aria-valuenow", value);
      handle.setAttribute("aria-valuemin", name === "accept" ? this.values.reject : 0);
      handle.setAttribute("aria-valuemax", name === "accept" ? 100 : this.values.accept);
      handle.setAttribute("aria-valuetext", name === "accept" ? `accept from ${value} on` : `reject below ${value}`);
    }
    this.onMove(this.values);
  }
}
