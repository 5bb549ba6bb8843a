// The dial: a score from 0 to 100 on an arc, with the ranges of the verdicts beside it.

const CENTRE = [100, 98];
const VALUE_RADIUS = 72;
const ZONE_RADIUS = 85;
const SWEEP_DEGREES = 270;
const SVG = "http://www.w3.org/2000/svg";

function angleOf(score) {
  return (score / 100 - 0.5) * SWEEP_DEGREES;
}

function point(score, radius) {
  const angle = (angleOf(score) * Math.PI) / 180;
  return [CENTRE[0] + radius * Math.sin(angle), CENTRE[1] - radius * Math.cos(angle)].map((v) => v.toFixed(2));
}

function arc(from, to, radius) {
  if (to - from < 0.05) return "";
  const large = ((to - from) / 100) * SWEEP_DEGREES > 180 ? 1 : 0;
  return `M${point(from, radius)} A${radius} ${radius} 0 ${large} 1 ${point(to, radius)}`;
}

export class Dial {
  constructor(svg) {
    this.svg = svg;
    this.part = (name) => svg.querySelector(`.dial-${name}`);
    this.part("track").setAttribute("d", arc(0, 100, VALUE_RADIUS));
    for (let score = 0; score <= 100; score += 10) this.mark(score);
  }

  mark(score) {
    const line = document.createElementNS(SVG, "line");
    const [x1, y1] = point(score, VALUE_RADIUS - 9);
    const [x2, y2] = point(score, VALUE_RADIUS - (score % 50 ? 12 : 15));
    for (const [name, value] of Object.entries({ x1, y1, x2, y2 })) line.setAttribute(name, value);
    this.part("marks").append(line);
  }

  showLimits({ accept, reject }) {
    const zone = (name, from, to) => this.svg.querySelector(`.zone-${name}`).setAttribute("d", arc(from, to, ZONE_RADIUS));
    zone("reject", 0, Math.max(0, reject - 0.5));
    zone("warn", reject + 0.5, accept - 0.5);
    zone("accept", Math.min(100, accept + 0.5), 100);
  }

  show(score) {
    this.part("value").setAttribute("d", arc(0, score, VALUE_RADIUS));
    this.part("needle").style.transform = `rotate(${angleOf(score)}deg)`;
    this.part("number").textContent = score.toFixed(1);
    this.svg.setAttribute("aria-label", `score ${score.toFixed(1)} of 100`);
  }
}
