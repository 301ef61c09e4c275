// Before and after in one stage: a slider between them or side by side, zoom and pan for both.

import { $, clamp } from "./dom.js";
import { t } from "./words.js";

const MOST = 8; // device pixels for each pixel of the picture
const STEP = 1.25;
const STILL = 5; // pixels that a finger may move and still mean a click

class Viewer extends EventTarget {
  width = 0;
  height = 0;
  scale = 1;
  x = 0;
  y = 0;
  mode = "slider";
  brushWidth = 0; // in shorter sides
  brush = null; // a listener of strokes while the brush is chosen
  #fitted = true;
  #pointers = new Map();
  #gesture = null;

  begin() {
    this.stage = $("stage");
    new ResizeObserver(() => this.#resized()).observe(this.stage);
    this.stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomTo(this.scale * Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX, event.clientY);
    }, { passive: false });
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      this.stage.addEventListener(kind, (event) => this.#pointer(event));
    }
    $("compare").addEventListener("input", () => this.#divide());
    $("as-slider").addEventListener("click", () => this.setMode("slider"));
    $("as-side").addEventListener("click", () => this.setMode("side"));
    $("zoom-in").addEventListener("click", () => this.zoomTo(this.scale * STEP));
    $("zoom-out").addEventListener("click", () => this.zoomTo(this.scale / STEP));
    $("zoom-fit").addEventListener("click", () => this.fit());
    $("zoom-one").addEventListener("click", () => this.zoomTo(1 / devicePixelRatio));
    $("full").addEventListener("click", () => this.fullScreen());
    this.#hold();
    $("viewer").addEventListener("keydown", (event) => this.#key(event));
    this.setMode(this.mode);
    this.#divide();
  }

  /** Show a picture of that size, in pixels; images follow. */
  open(width, height) {
    this.width = width;
    this.height = height;
    this.stage.style.setProperty("--ratio", String(height / width));
    this.fit();
  }

  show(side, url) {
    const image = $(side);
    if (url) image.src = url;
    else image.removeAttribute("src");
  }

  describe(name) {
    $("before").alt = t("view.alt_before", { name });
    $("after").alt = t("view.alt_after", { name });
  }

  setMode(mode) {
    this.mode = mode;
    $("viewer").dataset.mode = mode;
    $("as-slider").setAttribute("aria-pressed", String(mode === "slider"));
    $("as-side").setAttribute("aria-pressed", String(mode === "side"));
    this.#resized();
  }

  #pane() {
    return this.stage.querySelector(".pane.after").getBoundingClientRect();
  }

  /** The size of what the coloured picture is seen through. */
  get pane() {
    const { width, height } = this.#pane();
    return { width, height };
  }

  get #least() {
    const { width, height } = this.#pane();
    return Math.min(width / this.width, height / this.height) || 1;
  }

  get isZoomed() {
    return this.scale > this.#least * 1.001;
  }

  /** Pixels of the shorter side that are worth having. */
  get worth() {
    return Math.min(this.width, this.height) * this.scale * devicePixelRatio;
  }

  fit() {
    this.#fitted = true;
    this.scale = this.#least;
    this.x = this.y = 0;
    this.#draw();
  }

  zoomTo(scale, clientX, clientY) {
    if (!this.width) return;
    const pane = this.#paneAt(clientX, clientY);
    const least = this.#least;
    const to = clamp(scale, least, Math.max(least, MOST / devicePixelRatio));
    const left = (clientX ?? pane.left + pane.width / 2) - pane.left;
    const top = (clientY ?? pane.top + pane.height / 2) - pane.top;
    this.x = left - ((left - this.x) * to) / this.scale;
    this.y = top - ((top - this.y) * to) / this.scale;
    this.scale = to;
    this.#fitted = to <= least * 1.001;
    this.#draw();
  }

  panBy(x, y) {
    this.x += x;
    this.y += y;
    this.#draw();
  }

  #paneAt(clientX = 0, clientY = 0) {
    const before = this.stage.querySelector(".pane.before").getBoundingClientRect();
    const inside = this.mode === "side" && clientX >= before.left && clientX < before.right
      && clientY >= before.top && clientY < before.bottom;
    return inside ? before : this.#pane();
  }

  /** Where in the picture, 0 to 1, a place on the screen is; null outside. */
  placeOf(clientX, clientY) {
    const pane = this.#paneAt(clientX, clientY);
    const x = (clientX - pane.left - this.x) / (this.width * this.scale);
    const y = (clientY - pane.top - this.y) / (this.height * this.scale);
    return x >= 0 && x <= 1 && y >= 0 && y <= 1 ? { x, y } : null;
  }

  /** Where in the coloured pane, in pixels, a place of the picture is. */
  pointOf(x, y) {
    return { left: this.x + x * this.width * this.scale, top: this.y + y * this.height * this.scale };
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else $("viewer").requestFullscreen?.();
  }

  #resized() {
    if (!this.width) return;
    if (this.#fitted) this.fit();
    else this.#draw();
  }

  #draw() {
    if (!this.width) return;
    const pane = this.#pane();
    const wide = this.width * this.scale;
    const high = this.height * this.scale;
    this.x = wide <= pane.width ? (pane.width - wide) / 2 : clamp(this.x, pane.width - wide, 0);
    this.y = high <= pane.height ? (pane.height - high) / 2 : clamp(this.y, pane.height - high, 0);
    for (const node of [$("before"), $("after"), $("unsure"), $("strokes")]) {
      node.style.width = `${wide}px`;
      node.style.height = `${high}px`;
      node.style.transform = `translate(${this.x}px, ${this.y}px)`;
    }
    this.stage.style.setProperty("--mx", `${Math.max(0, this.x)}px`);
    this.stage.style.setProperty("--my", `${Math.max(0, this.y)}px`);
    this.stage.classList.toggle("zoomed", this.isZoomed);
    this.stage.classList.toggle("sharp", this.scale * devicePixelRatio >= 3);
    this.dispatchEvent(new Event("view"));
  }

  #divide() {
    const at = Number($("compare").value);
    this.stage.style.setProperty("--share", String(at / 100));
    $("compare").setAttribute("aria-valuetext", t("view.compare_value", { share: at }));
    $("viewer").dataset.edge = at < 12 ? "start" : at > 88 ? "end" : "";
  }

  renamed() {
    this.#divide();
  }

  #slideTo(clientX) {
    const pane = this.#pane();
    const edge = Math.max(0, this.x);
    $("compare").value = String(clamp(((clientX - pane.left - edge) / (pane.width - 2 * edge)) * 100, 0, 100));
    this.#divide();
  }

  // Space, or a button, held down shows the original
  #hold() {
    const show = (on) => this.stage.classList.toggle("original", on);
    const button = $("original");
    button.addEventListener("pointerdown", (event) => { button.setPointerCapture(event.pointerId); show(true); });
    for (const kind of ["pointerup", "pointercancel", "blur"]) button.addEventListener(kind, () => show(false));
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    const own = (event) => event.target === this.stage || event.target === $("compare") || event.target === button;
    $("viewer").addEventListener("keydown", (event) => {
      if (event.key === " " && own(event)) { event.preventDefault(); show(true); }
    });
    $("viewer").addEventListener("keyup", (event) => { if (event.key === " " && own(event)) { event.preventDefault(); show(false); } });
    this.stage.addEventListener("focusout", () => show(false));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("#chooser")) return;
    const on = event.target === this.stage;
    const move = event.shiftKey ? 200 : 60;
    const acts = {
      "+": () => this.zoomTo(this.scale * STEP), "=": () => this.zoomTo(this.scale * STEP),
      "-": () => this.zoomTo(this.scale / STEP), 0: () => this.fit(), 1: () => this.zoomTo(1 / devicePixelRatio),
      f: () => this.fullScreen(), F: () => this.fullScreen(),
      s: () => this.setMode(this.mode === "side" ? "slider" : "side"),
      ...(on && {
        ArrowLeft: () => this.panBy(move, 0), ArrowRight: () => this.panBy(-move, 0),
        ArrowUp: () => this.panBy(0, move), ArrowDown: () => this.panBy(0, -move),
      }),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }

  #pointer(event) {
    if (event.target.closest("button, input") || !this.width) return;
    if (event.type === "pointerdown") {
      if (event.button) return;
      this.stage.focus({ preventScroll: true, focusVisible: false });
      this.stage.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, event);
      this.#gesture = this.#pointers.size > 1
        ? { kind: "pinch" }
        : { kind: this.brush ? "stroke" : "still", from: event, path: [] };
      if (this.#gesture.kind === "stroke") this.#paint(event);
      return;
    }
    const last = this.#pointers.get(event.pointerId);
    if (!last) return;
    if (event.type === "pointermove") {
      this.#move(event, last);
      this.#pointers.set(event.pointerId, event);
      return;
    }
    const gesture = this.#gesture;
    this.#pointers.delete(event.pointerId);
    if (this.#pointers.size) return;
    this.#gesture = null;
    if (event.type === "pointercancel") { this.brush?.(null, true); return; }
    if (gesture?.kind === "stroke") this.brush?.(gesture.path, true);
    if (gesture?.kind !== "still") return;
    const place = this.placeOf(event.clientX, event.clientY);
    if (place) this.dispatchEvent(new CustomEvent("pick", { detail: place }));
  }

  #paint(event) {
    const place = this.placeOf(event.clientX, event.clientY);
    const { path } = this.#gesture;
    const last = path[path.length - 1];
    if (!place || (last && Math.hypot(place.x - last[0], place.y - last[1]) < Math.max(0.006, this.brushWidth / 6)) || path.length > 1000) return;
    path.push([Number(place.x.toFixed(4)), Number(place.y.toFixed(4))]);
    this.brush(path, false);
  }

  #move(event, last) {
    const gesture = this.#gesture;
    if (gesture.kind === "pinch") {
      const other = [...this.#pointers.entries()].find(([id]) => id !== event.pointerId)?.[1];
      if (!other) return;
      const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      this.panBy((event.clientX - last.clientX) / 2, (event.clientY - last.clientY) / 2);
      const ratio = apart(event) / Math.max(1, apart(last));
      this.zoomTo(this.scale * ratio, (event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2);
      return;
    }
    if (gesture.kind === "stroke") { this.#paint(event); return; }
    const far = Math.hypot(event.clientX - gesture.from.clientX, event.clientY - gesture.from.clientY);
    if (gesture.kind === "still" && far < STILL) return;
    gesture.kind = "drag";
    if (this.isZoomed) this.panBy(event.clientX - last.clientX, event.clientY - last.clientY);
    else if (this.mode === "slider") this.#slideTo(event.clientX);
  }
}

export const viewer = new Viewer();
