// Other colourings of the same picture, beside the likeliest; and how sure the model is.

import { $, announce, made } from "./dom.js";
import { withOptions } from "./edits.js";
import * as panel from "./panel.js";
import { members } from "./references.js";
import { asBlob } from "./server.js";
import { shelf } from "./shelf.js";
import { t } from "./words.js";

const COUNT = 6;
const SIDE = 144;
const SHOWN = new Map(); // by picture: what the strip was made for, and its pictures
const SHAPING = ["hints", "reference", "style", "palette", "model", "size", "effort", "toned", "if_color"];

const CALM = 1200; // milliseconds without a change, after which the strip follows

let drawing = 0;
let timer = 0;

/** All that other variants would come of. */
function shape(edit) {
  const { options } = edit;
  return JSON.stringify([...SHAPING.map((name) => options[name] ?? null), options.seed || 0, edit.hints]);
}

function frame(at, url) {
  const chosen = panel.options();
  const now = (chosen.variant || 0) === at;
  const label = at ? t("variants.one", { at }) : t("variants.likeliest");
  return made("button", {
    type: "button", class: "variant", "aria-pressed": String(now), "aria-label": label, title: label,
    data: { at }, on: { click: () => panel.set(at ? { variants: COUNT, variant: at } : { variants: undefined, variant: undefined }) },
  }, url && made("img", { src: url, alt: "", draggable: "false" }));
}

function draw() {
  const picture = shelf.current;
  const shown = picture && SHOWN.get(picture);
  const stale = Boolean(shown) && shown.shape !== shape(picture.edits.now);
  $("variants").hidden = !shown;
  $("variants").classList.toggle("stale", stale);
  $("more-variants").textContent = shown ? t("variants.others") : t("variants.show");
  clearTimeout(timer);
  if (stale) timer = setTimeout(() => fill(picture), CALM);
  if (!shown) { $("variants").replaceChildren(); return; }
  const frames = Array.from({ length: COUNT + 1 }, (_, at) => frame(at, shown.urls[at]));
  const at = $("variants").contains(document.activeElement) ? document.activeElement.dataset.at : null;
  $("variants").replaceChildren(...frames);
  if (at !== null) frames[Number(at)].focus({ preventScroll: true });
}

function show() {
  const picture = shelf.current;
  if (!picture || picture.state !== "ready") return;
  if (SHOWN.has(picture)) {
    panel.set({ seed: (picture.edits.now.options.seed || 0) + 1, variants: undefined, variant: undefined });
  }
  fill(picture);
}

async function fill(picture) {
  if (shelf.current !== picture) return;
  const edit = picture.edits.now;
  const own = { shape: shape(edit), urls: [] };
  SHOWN.get(picture)?.urls.forEach((url) => URL.revokeObjectURL(url));
  SHOWN.set(picture, own);
  drawing += 1;
  const turn = drawing;
  draw();
  try {
    for (let at = 0; at <= COUNT && turn === drawing; at += 1) {
      const other = at ? withOptions(edit, { variants: COUNT, variant: at }) : withOptions(edit, { variants: undefined, variant: undefined });
      const blob = await shelf.within(picture, async (to) => asBlob(`${to}/colorize`, {
        method: "POST", json: { ...await members(other), preview: SIDE }, signal: picture.abort.signal,
      }));
      own.urls[at] = URL.createObjectURL(blob);
      if (shelf.current === picture) draw();
    }
    announce(t("variants.ready"));
  } catch (error) {
    if (!picture.abort.signal.aborted) shelf.tell("trouble", error);
  }
}

// Unsure places lie under a veil with stripes: nobody has to tell colours apart to see them.
async function veil() {
  const picture = shelf.current;
  const canvas = $("unsure");
  const on = $("sure").checked && picture?.state === "ready";
  if (!on) { canvas.hidden = true; return; }
  const { model, size } = picture.edits.now.options;
  const key = `${picture.key} ${model} ${size}`;
  if (canvas.dataset.key !== key) {
    const blob = await shelf.within(picture, (at) => asBlob(`${at}/confidence`, { method: "POST", json: { model, size }, signal: picture.abort.signal }));
    const map = await createImageBitmap(blob);
    if (shelf.current !== picture) return;
    paint(canvas, map);
    canvas.dataset.key = key;
  }
  canvas.hidden = false;
}

function paint(canvas, map) {
  const zoom = Math.max(1, Math.round(960 / Math.min(map.width, map.height)));
  canvas.width = map.width * zoom;
  canvas.height = map.height * zoom;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = true;
  context.drawImage(map, 0, 0, canvas.width, canvas.height);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const { data, width } = pixels;
  let most = 1;
  for (let at = 0; at < data.length; at += 4) most = Math.max(most, data[at]);
  for (let at = 0; at < data.length; at += 4) {
    const unsure = 1 - data[at] / most;
    const index = at / 4;
    const striped = ((index % width) + Math.floor(index / width)) % 14 < 5;
    data[at] = data[at + 1] = data[at + 2] = striped ? 250 : 30;
    data[at + 3] = 255 * Math.max(0, unsure - 0.25) * (striped ? 0.95 : 0.6);
  }
  context.putImageData(pixels, 0, 0);
}

export function begin() {
  const safely = () => veil().catch((error) => { if (!shelf.current?.abort.signal.aborted) shelf.tell("trouble", error); });
  $("more-variants").addEventListener("click", show);
  $("sure").addEventListener("change", safely);
  for (const kind of ["edit", "select", "ready"]) shelf.addEventListener(kind, () => { draw(); safely(); });
  shelf.addEventListener("list", () => {
    for (const [picture, { urls }] of SHOWN) {
      if (shelf.pictures.includes(picture)) continue;
      urls.forEach((url) => URL.revokeObjectURL(url));
      SHOWN.delete(picture);
    }
  });
}

export const redraw = draw;
