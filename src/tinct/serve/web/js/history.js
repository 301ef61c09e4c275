// What was coloured before, in this browser alone; one click forgets all of it.

import { $, iconButton, made } from "./dom.js";
import { withOptions } from "./edits.js";
import * as references from "./references.js";
import { shelf } from "./shelf.js";
import { moment, t } from "./words.js";

const BASE = "tinct";
const STORE = "pictures";
const MOST = 40;
const OFF = "tinct.forgetful";
const SOON = 800; // milliseconds after a change

const waiting = new Map();
let times = 0; // that all was forgotten
let saving = Promise.resolve();

const keeps = () => localStorage.getItem(OFF) === null;

function settled(request) {
  return new Promise((go, stop) => {
    request.onsuccess = () => go(request.result);
    request.onerror = () => stop(request.error);
  });
}

async function store(mode, act) {
  const opening = indexedDB.open(BASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "key" });
  const base = await settled(opening);
  try {
    return await settled(act(base.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    base.close();
  }
}

export const entries = async () => (await store("readonly", (pictures) => pictures.getAll()))
  .sort((one, other) => other.time - one.time);

async function keep(picture) {
  const { key, name, file, thumbBlob } = picture;
  const { reference, ...options } = picture.edits.now.options;
  const edit = { options, hints: picture.edits.now.hints };
  const other = reference && references.find(reference)?.file;
  await store("readwrite", (pictures) => pictures.put({ key, name, file, other, thumb: thumbBlob, edit, time: Date.now() }));
  for (const old of (await entries()).slice(MOST)) await store("readwrite", (pictures) => pictures.delete(old.key));
}

function soon(picture) {
  clearTimeout(waiting.get(picture));
  waiting.set(picture, setTimeout(async () => {
    waiting.delete(picture);
    if (!keeps() || picture.state !== "ready" || !shelf.pictures.includes(picture)) return;
    const before = times;
    try {
      await shelf.thumbnail(picture);
      if (times !== before) return;
      saving = keep(picture);
      await saving;
    } catch { /* a private window, a full disk, or the picture is gone: there is no history then */ }
  }, SOON));
}

function row(entry) {
  const picture = made("img", { alt: "", src: entry.thumb ? URL.createObjectURL(entry.thumb) : "/web/mark.svg" });
  picture.addEventListener("load", () => URL.revokeObjectURL(picture.src));
  const again = () => {
    const edit = entry.other ? withOptions(entry.edit, { reference: references.keep(entry.other) }) : entry.edit;
    shelf.add([{ file: entry.file, name: entry.name, edit }]).forEach((one) => shelf.select(one));
    $("history").close();
  };
  return made("li", {},
    made("button", { type: "button", class: "frame", "aria-label": t("history.open", { name: entry.name }), on: { click: again } },
      picture, made("span", { class: "name", dir: "auto", text: entry.name }), made("span", { class: "state", text: moment(entry.time) })),
    iconButton("close", t("history.remove", { name: entry.name }), async () => {
      await store("readwrite", (pictures) => pictures.delete(entry.key));
      await draw();
    }));
}

async function draw() {
  const found = await entries().catch(() => []);
  $("past").replaceChildren(...found.map(row));
  $("no-past").hidden = found.length > 0;
  $("forget").disabled = !found.length;
  $("remember").checked = keeps();
}

export function begin() {
  for (const kind of ["ready", "edit"]) shelf.addEventListener(kind, (event) => soon(event.detail));
  $("open-history").addEventListener("click", async () => { await draw(); $("history").showModal(); });
  $("remember").addEventListener("change", () => {
    if ($("remember").checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "");
  });
  $("forget").addEventListener("click", async () => {
    times += 1;
    for (const timer of waiting.values()) clearTimeout(timer);
    waiting.clear();
    await saving.catch(() => {}); // what is being kept just now would come after
    await store("readwrite", (pictures) => pictures.clear());
    await draw();
  });
}
