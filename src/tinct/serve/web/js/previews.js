// Keeps the stage up to date: small at once, as sharp as the screen shortly after.

import { $, announce } from "./dom.js";
import { said } from "./film.js";
import { members } from "./references.js";
import { ask, asBlob } from "./server.js";
import { shelf } from "./shelf.js";
import { viewer } from "./viewer.js";
import { t } from "./words.js";

const QUICK = 512;
const SIDES = [512, 768, 1024, 1536, 2048];
const OFFLINE = 4000; // milliseconds after which a server that cannot be reached is asked again
const CALM = 220; // milliseconds after which the sharp one is made

let running = false;
let again = false;
let timer = 0;
let alarmed = false; // about a preview, so that the next one that goes well takes it away
let alarm = () => {};

export const onTrouble = (hear) => { alarm = hear; };

/** The side, in pixels, that the stage can show. */
function side() {
  const { width, height } = viewer;
  const worth = Math.min(viewer.worth, width, height);
  return SIDES.find((one) => one >= worth * 0.95) || SIDES[SIDES.length - 1];
}

/** Whether the stage shows what is wished for, as sharp as it can be. */
export const isSettled = (picture) => !running && isSharp(picture.images.after, picture.edits.now) && Boolean(picture.images.before);

/** Whether the screen is finer than any preview. */
export const isCoarse = () => Math.min(viewer.worth, viewer.width, viewer.height) > SIDES.at(-1) * 1.05;

const isSharp = (image, edit) => image && image.edit === edit && image.side >= side();

/** Whatever was changed, show it. Requests never overtake each other, and none is made in vain. */
export async function refresh() {
  if (running) { again = true; return; }
  const picture = shelf.current;
  if (!picture || picture.state !== "ready") return;
  running = true;
  again = false;
  clearTimeout(timer);
  const busy = setTimeout(() => { $("waiting").classList.add("on"); }, 350);
  try {
    const edit = picture.edits.now;
    const { before, after } = picture.images;
    const fresh = !after || after.edit === edit;
    const wanted = fresh ? side() : QUICK; // what changes follows at once, and is made sharp later
    if (!isSharp(after, edit)) await colour(picture, edit, wanted);
    if (!before || before.side < side()) await original(picture, side());
    if (alarmed) $("alerts").replaceChildren();
    alarmed = false;
  } catch (error) {
    if (!picture.abort.signal.aborted) {
      alarm(error);
      alarmed = true;
      if (error instanceof TypeError) timer = setTimeout(() => { picture.trouble = false; refresh(); }, OFFLINE);
    }
  } finally {
    clearTimeout(busy);
    $("waiting").classList.remove("on");
    running = false;
  }
  if (again) refresh();
  else if (shelf.current && !isSharp(shelf.current.images.after, shelf.current.edits.now) && !shelf.current.trouble) timer = setTimeout(refresh, CALM);
}

async function colour(picture, edit, wanted) {
  picture.trouble = true; // until it has gone well, it is not tried again by itself
  const answer = await shelf.within(picture, async (at) => ask(`${at}/colorize`, {
    method: "POST", json: { ...await members(edit), preview: wanted }, signal: picture.abort.signal,
  }));
  picture.trouble = false;
  const skipped = answer.headers.get("X-Status") === "skipped";
  const changed = skipped !== picture.skipped;
  picture.skipped = skipped;
  const news = picture.images.after && picture.images.after.edit !== edit;
  await put(picture, "after", { blob: await answer.blob(), edit, side: wanted });
  if (changed) shelf.tell("change", picture);
  if (news) announce(t("view.updated"));
}

async function original(picture, wanted) {
  const blob = await shelf.within(picture, (at) => asBlob(`${at}/preview?side=${wanted}`, { signal: picture.abort.signal }));
  await put(picture, "before", { blob, side: wanted });
}

async function put(picture, which, { blob, ...rest }) {
  const url = URL.createObjectURL(blob);
  const decoded = new Image();
  decoded.src = url;
  await decoded.decode();
  const old = picture.images[which];
  picture.images[which] = { url, ...rest };
  if (shelf.current === picture) {
    viewer.show(which, url);
    shelf.tell("shown", picture);
  }
  if (old) setTimeout(() => URL.revokeObjectURL(old.url), 500);
}

/** Before there is anything to see, the stage says how the picture stands. */
function note(picture) {
  const blank = !picture?.images.after;
  viewer.stage.classList.toggle("blank", blank);
  $("stage-note").hidden = !blank || !picture;
  if (picture) $("stage-note").textContent = [said(picture), picture.problem?.message].filter(Boolean).join(": ");
  const corner = document.querySelector(".corner.end");
  corner.dataset.t = picture?.skipped ? "state.skipped" : "view.after";
  corner.textContent = t(corner.dataset.t);
}

export function begin() {
  for (const kind of ["select", "change", "shown"]) shelf.addEventListener(kind, () => note(shelf.current));
  shelf.addEventListener("select", (event) => {
    const picture = event.detail;
    viewer.show("before", picture?.images.before?.url || "");
    viewer.show("after", picture?.images.after?.url || "");
    if (picture?.session) enter(picture);
  });
  shelf.addEventListener("ready", (event) => {
    if (event.detail !== shelf.current) return;
    enter(event.detail);
    if (document.activeElement === document.body) viewer.stage.focus({ preventScroll: true, focusVisible: false });
    announce(t("view.ready", { name: event.detail.name }));
  });
  shelf.addEventListener("edit", () => {
    if (shelf.current) shelf.current.trouble = false;
    refresh();
  });
  let calm = 0;
  viewer.addEventListener("view", () => {
    $("zoom").textContent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" })
      .format(viewer.scale * devicePixelRatio);
    clearTimeout(calm);
    calm = setTimeout(refresh, CALM);
  });
}

function enter(picture) {
  viewer.open(picture.session.width, picture.session.height);
  viewer.describe(picture.name);
  refresh();
}
