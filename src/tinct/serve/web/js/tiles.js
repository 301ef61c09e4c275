// Where the screen is finer than the preview: the visible part of the picture as it is, laid over it.

import { $ } from "./dom.js";
import { isCoarse, isSettled } from "./previews.js";
import { members } from "./references.js";
import { ask, asBlob } from "./server.js";
import { shelf } from "./shelf.js";
import { viewer } from "./viewer.js";

const CALM = 180; // milliseconds of rest before a part is asked for
const MOST = 1 << 23; // pixels that the server gives at a time
const MARGIN = 0.15; // around what is seen, so that a small step shows no preview

const tiles = { before: null, after: null }; // { picture, edit, box } of what the canvases hold
let asking = null; // what ends the requests under way
let timer = 0;

const canvasOf = (side) => $(`${side}-part`);
const holds = (outer, inner) => outer.x <= inner.x && outer.y <= inner.y
  && outer.x + outer.width >= inner.x + inner.width && outer.y + outer.height >= inner.y + inner.height;

/** The part on the screen in pixels of the picture, and a margin around it where there is room. */
function seen(margin) {
  const { width, height } = viewer.pane;
  const { scale } = viewer;
  const [wide, high] = [(margin * width) / scale, (margin * height) / scale];
  const x = Math.max(0, Math.floor(-viewer.x / scale - wide));
  const y = Math.max(0, Math.floor(-viewer.y / scale - high));
  const right = Math.min(viewer.width, Math.ceil((width - viewer.x) / scale + wide));
  const bottom = Math.min(viewer.height, Math.ceil((height - viewer.y) / scale + high));
  return { x, y, width: Math.max(0, right - x), height: Math.max(0, bottom - y) };
}

const isAsked = (box) => box.width > 0 && box.height > 0 && box.width * box.height <= MOST;

/** Whether a side shows the picture's own pixels wherever it is on the screen. */
export function covers(side) {
  const tile = tiles[side];
  return Boolean(tile) && isFresh(side) && holds(tile.box, seen(0));
}

function isFresh(side) {
  const tile = tiles[side];
  const picture = shelf.current;
  return tile.picture === picture && (side === "before" || tile.edit === picture.images.after?.edit);
}

/** Lay what there is where it belongs, and say where it is lacking. */
function place() {
  const ratio = devicePixelRatio;
  const exact = Math.abs(viewer.scale * ratio - 1) < 1e-6;
  const onGrid = (value) => (exact ? Math.round(value * ratio) / ratio : value);
  const coarse = Boolean(shelf.current) && isCoarse();
  for (const side of ["before", "after"]) {
    const canvas = canvasOf(side);
    if (tiles[side] && (!coarse || tiles[side].picture !== shelf.current)) drop(side);
    canvas.hidden = !tiles[side] || !isFresh(side);
    if (canvas.hidden) continue;
    const { box } = tiles[side];
    canvas.style.width = `${box.width * viewer.scale}px`;
    canvas.style.height = `${box.height * viewer.scale}px`;
    canvas.style.transform = `translate(${onGrid(viewer.x + box.x * viewer.scale)}px, ${onGrid(viewer.y + box.y * viewer.scale)}px)`;
  }
  $("coarse").hidden = !coarse || covers("after");
}

function drop(side) {
  tiles[side] = null;
  const canvas = canvasOf(side);
  canvas.width = canvas.height = 0; // its memory, too
}

async function look() {
  const picture = shelf.current;
  if (!picture?.session || !isCoarse() || !isSettled(picture)) return;
  const edit = picture.edits.now;
  const box = [seen(MARGIN), seen(0)].find(isAsked);
  if (!box) return;
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const whole = picture.abort.signal;
  const end = () => asking?.abort();
  whole.addEventListener("abort", end, { once: true });
  try {
    for (const side of ["after", "before"]) {
      if (covers(side)) continue;
      const blob = await shelf.within(picture, async (at) => (side === "before"
        ? asBlob(`${at}/region?${new URLSearchParams(box)}`, { signal })
        : (await ask(`${at}/region`, { method: "POST", json: { ...await members(edit), ...box }, signal })).blob()));
      const bitmap = await createImageBitmap(blob);
      const late = signal.aborted || shelf.current !== picture || (side === "after" && picture.edits.now !== edit);
      if (!late) draw(side, bitmap, { picture, edit, box });
      bitmap.close();
      if (late) return;
    }
  } catch (error) {
    if (!signal.aborted) console.info("no part at full size:", error.message); // the preview stays, and says that it is one
  } finally {
    whole.removeEventListener("abort", end);
  }
}

function draw(side, bitmap, tile) {
  const canvas = canvasOf(side);
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  tiles[side] = tile;
  place();
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(look, CALM);
}

export function begin() {
  viewer.addEventListener("view", () => { place(); soon(); });
  shelf.addEventListener("edit", () => asking?.abort());
  for (const kind of ["shown", "select"]) shelf.addEventListener(kind, () => { place(); soon(); });
}
