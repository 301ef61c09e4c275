// Ways for pictures to come: chosen, dropped (folders, too), pasted, and from the camera.

import { $, announce } from "./dom.js";
import { shelf } from "./shelf.js";
import { t } from "./words.js";

const HIDDEN = /^(\.|Thumbs\.db$|desktop\.ini$)/i;
const PICTURE = /\.(jpe?g|png|tiff?|webp|avif|hei[cf]|jp2|j2k|bmp|gif|p[bgnp]m)$/i;

/** Of a folder, what is a picture; a file that was chosen itself is always tried. */
const ofFolder = (file) => PICTURE.test(file.name) || file.type.startsWith("image/");

let takeProject = () => {};

/** Pictures are put on the shelf; a project goes to the picture that is shown. */
export function take(files, edit) {
  const projects = files.filter((file) => /\.json$/i.test(file.name));
  const pictures = files.filter((file) => !projects.includes(file) && !HIDDEN.test(file.name));
  if (pictures.length) {
    shelf.add(pictures.map((file) => ({ file, name: file.name })), edit);
    announce(t("add.added", { count: pictures.length }));
  }
  if (projects.length) takeProject(projects[0]);
}

export function begin(openProject) {
  takeProject = openProject;
  const ways = {
    files: () => $("files").click(),
    folder: () => $("folder").click(),
    paste: pasteNow,
    camera: () => (matchMedia("(pointer: coarse)").matches || !navigator.mediaDevices ? $("snap").click() : look()),
  };
  for (const button of document.querySelectorAll("[data-add]")) button.addEventListener("click", ways[button.dataset.add]);
  $("files").addEventListener("change", () => { take([...$("files").files]); $("files").value = ""; });
  $("folder").addEventListener("change", () => { take([...$("folder").files].filter(ofFolder)); $("folder").value = ""; });
  $("snap").addEventListener("change", () => { take([...$("snap").files], ANEW); $("snap").value = ""; });
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) { event.preventDefault(); take(files); }
  });
  dropping();
  $("shoot").addEventListener("click", shoot);
  $("camera").addEventListener("close", dark);
}

// a print before a camera is seldom quite grey
const ANEW = { options: { if_color: "recolor" }, hints: [] };

async function pasteNow() {
  try {
    const files = [];
    for (const item of await navigator.clipboard.read()) {
      const kind = item.types.find((type) => type.startsWith("image/"));
      if (kind) files.push(new File([await item.getType(kind)], `pasted.${kind.slice(6)}`, { type: kind }));
    }
    if (files.length) take(files);
    else announceAloud(t("add.nothing_to_paste"));
  } catch {
    announceAloud(t("add.nothing_to_paste"));
  }
}

function announceAloud(text) {
  $("alerts").textContent = text;
}

function dropping() {
  let depth = 0;
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (carries(event)) { depth += 1; $("veil").hidden = false; } });
  addEventListener("dragleave", (event) => { if (carries(event)) { depth -= 1; $("veil").hidden = depth > 0 ? false : true; } });
  addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
  addEventListener("drop", async (event) => {
    depth = 0;
    $("veil").hidden = true;
    if (!carries(event) || event.defaultPrevented) return;
    event.preventDefault();
    take(await dropped(event.dataTransfer));
  });
}

/** All files that were dropped, those in folders, too, in the order of their names. */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  return (await Promise.all(entries.map(within))).flat();
}

async function within(entry) {
  if (entry.isFile) return [await new Promise((go, stop) => entry.file(go, stop))];
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a reader gives a hundred at a time
    const some = await new Promise((go, stop) => reader.readEntries(go, stop));
    if (!some.length) break;
    found.push(...some);
  }
  found.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
  return (await Promise.all(found.map(within))).flat().filter(ofFolder);
}

async function look() {
  try {
    $("lens").srcObject = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 4096 }, height: { ideal: 4096 } },
    });
    await $("lens").play();
    $("camera").showModal();
  } catch {
    dark();
    announceAloud(t("add.no_camera"));
  }
}

function dark() {
  $("lens").srcObject?.getTracks().forEach((track) => track.stop());
  $("lens").srcObject = null;
}

async function shoot() {
  const lens = $("lens");
  const canvas = document.createElement("canvas");
  canvas.width = lens.videoWidth;
  canvas.height = lens.videoHeight;
  canvas.getContext("2d").drawImage(lens, 0, 0);
  const blob = await new Promise((go) => { canvas.toBlob(go, "image/jpeg", 0.95); });
  $("camera").close();
  const stamp = new Date().toISOString().slice(0, 19).replace(/\D/g, "-");
  take([new File([blob], `camera-${stamp}.jpg`, { type: "image/jpeg" })], ANEW);
}
