// The best frames that were kept, and one of them large.

import { read } from "/static/service.js";

function momentInWords(unixSeconds) {
  return new Date(1000 * unixSeconds).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export class Gallery {
  constructor() {
    this.list = document.getElementById("gallery");
    this.viewer = document.getElementById("viewer");
    this.shown = "";
    document.getElementById("viewer-close").addEventListener("click", () => this.viewer.close());
    this.viewer.addEventListener("click", (event) => {
      if (event.target === this.viewer) this.viewer.close();
    });
  }

  async refresh() {
    const best = await read("/api/best");
    const shown = best.map((one) => one.id).join();
    if (shown === this.shown) return;
    this.shown = shown;
    document.getElementById("no-best").hidden = best.length > 0;
    document.getElementById("best-count").textContent = best.length ? `the last ${best.length}` : "";
    this.list.replaceChildren(...best.map((one) => this.item(one)));
  }

  item(one) {
    const button = element(
      "button",
      { type: "button" },
      element("img", { src: this.address(one), alt: "", loading: "lazy", decoding: "async" }),
      element(
        "span",
        { className: "caption" },
        element("span", { textContent: one.camera }),
        element("b", { textContent: one.score.toFixed(1) }),
      ),
      element("small", { textContent: `${one.reason} · ${new Date(1000 * one.captured_at).toLocaleTimeString()}` }),
    );
    button.setAttribute("aria-label", `${one.camera}, score ${one.score.toFixed(1)}, ${momentInWords(one.captured_at)}`);
    button.addEventListener("click", () => this.open(one));
    return element("li", {}, button);
  }

  open(one) {
    document.getElementById("viewer-title").textContent = `${one.camera}: ${one.score.toFixed(1)}`;
    const picture = document.getElementById("viewer-picture");
    picture.src = this.address(one);
    picture.alt = `Best frame of ${one.camera}`;
    document.getElementById("viewer-details").textContent = `${momentInWords(one.captured_at)}, kept by ${one.reason}`;
    this.viewer.showModal();
  }

  address(one) {
    return `/api/best/${encodeURIComponent(one.id)}/picture`;
  }
}
