// A camera's live picture: the newest frame, fetched when the one before has arrived, so that a slow line gets fewer.

import { ask, camera } from "/static/service.js";

const PICTURE_MS = 60;
const MAP_MS = 400;

class Layer {
  constructor(image, path, spacing) {
    this.image = image;
    this.path = path;
    this.spacing = spacing;
    this.loading = false;
    this.wanted = false;
    this.address = null;
  }

  async refresh() {
    this.wanted = true;
    if (this.loading) return;
    this.loading = true;
    while (this.wanted) {
      this.wanted = false;
      await this.load().catch(() => {});
      await new Promise((done) => setTimeout(done, this.spacing));
    }
    this.loading = false;
  }

  async load() {
    const response = await ask(this.path);
    const age = Number(response.headers.get("Deepbiq-Age-Ms") ?? 0);
    const address = URL.createObjectURL(await response.blob());
    this.image.src = address;
    await this.image.decode();
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = address;
    this.capturedAt = performance.now() - age;
  }
}

export class Screen {
  constructor(root, name) {
    this.root = root;
    this.picture = new Layer(root.querySelector(".picture"), camera(name, "picture.jpg"), PICTURE_MS);
    this.map = new Layer(root.querySelector(".map"), camera(name, "map.png"), MAP_MS);
    this.toggle = root.querySelector(".map-toggle");
    this.visible = true;
    this.begun = false;
    this.picture.image.alt = `Newest picture of ${name}`;
    this.picture.image.addEventListener("load", () => this.reveal());
    this.toggle.addEventListener("click", () => this.switchMap(this.toggle.getAttribute("aria-pressed") !== "true"));
    new IntersectionObserver(([entry]) => {
      this.visible = entry.isIntersecting;
      if (this.visible) this.refresh();
    }).observe(root);
  }

  reveal() {
    this.picture.image.hidden = false;
    this.root.querySelector(".nothing").hidden = true;
  }

  // There is a newer frame.
  show() {
    this.begun = true;
    this.refresh();
  }

  refresh() {
    if (!this.begun || !this.visible || document.hidden) return;
    this.picture.refresh();
    if (!this.map.image.hidden) this.map.refresh();
  }

  switchMap(on) {
    this.toggle.setAttribute("aria-pressed", on);
    this.map.image.hidden = !on;
    this.root.querySelector(".legend").hidden = !on;
    this.root.querySelector(".screen").classList.toggle("mapped", on);
    if (on) this.refresh();
  }

  // Milliseconds; null while this page does not look at the picture.
  age(now) {
    if (!this.visible || document.hidden || this.picture.capturedAt === undefined) return null;
    return now - this.picture.capturedAt;
  }
}
