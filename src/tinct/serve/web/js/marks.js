// Hints on the picture: points that can be dragged, strokes, and the brush.

import { $, announce, drawn, made } from "./dom.js";
import { newId } from "./edits.js";
import { shelf } from "./shelf.js";
import { viewer } from "./viewer.js";
import { percent, t } from "./words.js";

const STEP = 0.005;
const LEAP = 0.05;
/** Of a colour only its hue and strength count, and this has none. */
export const GREY = "#808080";

const dots = new Map();
let choose = () => {};
const TOOLS = ["brush", "keep"];
const widths = { brush: 0.02, keep: 0.08 }; // in shorter sides

let painted = null; // the stroke under the brush

/** Take another step: other hints for the picture that is shown. */
export function change(hints, kind = "") {
  const { edits } = shelf.current;
  edits.change({ ...edits.now, hints }, kind);
  shelf.tell("edit", shelf.current);
}

const now = () => shelf.current?.edits.now.hints || [];

export function add(hint) {
  const whole = { id: newId(), ...hint };
  change([...now(), whole]);
  return whole;
}

export function alter(id, changes, kind = "") {
  change(now().map((hint) => (hint.id === id ? { ...hint, ...changes } : hint)), kind);
}

export function remove(id) {
  change(now().filter((hint) => hint.id !== id));
  announce(t("hints.removed"));
}

/** Where those who use keys go on, when what they were at is gone. */
export const refocus = () => ($("aim").hidden ? $("keep") : $("aim")).focus();

/** The name of a hint for those who listen. */
export function named(hint) {
  if (hint.kind === "stroke") return t("hints.stroke", { at: now().indexOf(hint) + 1 });
  if (hint.kind === "keep") return t("hints.kept", { at: now().indexOf(hint) + 1 });
  return t("hints.point", { at: now().indexOf(hint) + 1, x: percent(hint.x), y: percent(hint.y) });
}

/** A colour to show for a hint; a file may give a* and b* alone. */
export const shownColour = (hint) => hint.color || `lab(60% ${hint.ab[0]} ${hint.ab[1]})`;

const bounded = (value) => Math.min(1, Math.max(0, Number(value.toFixed(4))));

function dotOf(hint) {
  if (dots.has(hint.id)) return dots.get(hint.id);
  const dot = made("button", { type: "button", class: "dot", data: { id: hint.id } });
  const current = () => now().find((one) => one.id === hint.id);
  let drag = null;
  dot.addEventListener("pointerdown", (event) => {
    dot.setPointerCapture(event.pointerId);
    drag = { x: event.clientX, y: event.clientY, moved: false };
  });
  dot.addEventListener("pointermove", (event) => {
    if (!drag) return;
    drag.moved ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > 4;
    const place = drag.moved && viewer.placeOf(event.clientX, event.clientY);
    if (place) alter(hint.id, { x: bounded(place.x), y: bounded(place.y) }, `move ${hint.id}`);
  });
  dot.addEventListener("pointerup", () => {
    const moved = drag?.moved;
    drag = null;
    if (!moved) choose(current(), dot);
  });
  dot.addEventListener("pointercancel", () => { drag = null; });
  dot.addEventListener("keydown", (event) => {
    const far = event.shiftKey ? LEAP : STEP;
    const way = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[event.key];
    const own = current();
    if (way) alter(hint.id, { x: bounded(own.x + way[0]), y: bounded(own.y + way[1]) }, `move ${hint.id}`);
    else if (event.key === "Enter" || event.key === " ") choose(own, dot);
    else if (event.key === "Delete" || event.key === "Backspace") { remove(hint.id); viewer.stage.focus(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  dots.set(hint.id, dot);
  return dot;
}

export function draw() {
  const hints = now();
  const points = hints.filter((hint) => hint.kind === "point");
  const keep = new Set(points.map((hint) => hint.id));
  for (const [id, dot] of dots) if (!keep.has(id)) { dot.remove(); dots.delete(id); }
  for (const hint of points) {
    const dot = dotOf(hint);
    const { left, top } = viewer.pointOf(hint.x, hint.y);
    dot.style.transform = `translate(${left}px, ${top}px)`;
    dot.style.setProperty("--own", shownColour(hint));
    dot.setAttribute("aria-label", t("hints.dot", { name: named(hint) }));
    if (!dot.isConnected) $("dots").append(dot);
  }
  const strokes = hints.filter((hint) => hint.kind !== "point");
  if (painted) strokes.push(painted);
  const { width, height } = viewer;
  $("strokes").setAttribute("viewBox", `0 0 ${width || 1} ${height || 1}`);
  $("strokes").replaceChildren(...strokes.map((stroke) => drawn("polyline", {
    points: [...stroke.path, stroke.path[stroke.path.length - 1]].map(([x, y]) => `${x * width},${y * height}`).join(" "),
    ...(stroke.kind === "keep" ? { class: "kept" } : { stroke: shownColour(stroke) }),
    "stroke-width": stroke.width * Math.min(width, height),
  })));
}

let tool = ""; // "brush" paints a colour, "keep" leaves as it is

function brushing(wanted) {
  tool = wanted;
  for (const name of TOOLS) $(name).setAttribute("aria-pressed", String(name === tool));
  $("brush-tools").hidden = !tool;
  $("brush-paint").hidden = tool !== "brush";
  $("keep-how").hidden = tool !== "keep";
  if (tool) $("brush-width").value = String(widths[tool]);
  viewer.stage.classList.toggle("brushing", Boolean(tool));
  viewer.brush = tool ? stroked : null;
  viewer.brushWidth = tool ? widths[tool] : 0;
}

/** The brush in hand: `brush` paints a colour, `keep` leaves as it is; "" is none. */
export const brush = () => tool;

/** What the brush leaves on its way. */
const strokeOf = (path) => ({
  kind: tool === "keep" ? "keep" : "stroke", path, width: widths[tool],
  ...(tool === "brush" && { color: $("brush-colour").value }),
});

/** One touch of the brush, for those who use no pointer. */
export function dab({ x, y }) {
  announce(named(add(strokeOf([[Number(x.toFixed(4)), Number(y.toFixed(4))]]))));
}

function stroked(path, done) {
  painted = null;
  if (path?.length) {
    const stroke = strokeOf([...path]);
    if (done) add(stroke);
    else painted = stroke;
  }
  draw();
}

/** `chooser` is given a hint and what it was opened from. */
export function begin(chooser) {
  choose = chooser;
  viewer.addEventListener("view", draw);
  for (const kind of ["edit", "select", "shown"]) shelf.addEventListener(kind, draw);
  for (const name of TOOLS) {
    $(name).addEventListener("click", (event) => {
      brushing(tool === name ? "" : name);
      if (tool && event.detail === 0) shelf.tell("aim"); // pressed with a key
    });
  }
  $("brush-width").addEventListener("input", () => {
    widths[tool] = viewer.brushWidth = Number($("brush-width").value);
  });
  shelf.addEventListener("select", () => brushing(""));
  const plain = (on) => viewer.stage.classList.toggle("plain", on); // strokes hide the colours that they make
  plain(true);
  shelf.addEventListener("tab", (event) => { plain(event.detail !== "tab-correct"); if (event.detail !== "tab-correct") brushing(""); });
  $("brush-grey").addEventListener("click", () => { $("brush-colour").value = GREY; });
  $("clear-hints").addEventListener("click", () => { change([]); refocus(); });
}
