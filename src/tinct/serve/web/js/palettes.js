// What colours the whole picture should have: a style, colours of one's own, or a reference.

import { $, announce, iconButton, made } from "./dom.js";
import { dropped } from "./add.js";
import { withOptions } from "./edits.js";
import * as panel from "./panel.js";
import * as references from "./references.js";
import { asBlob, asJson } from "./server.js";
import { shelf } from "./shelf.js";
import { t } from "./words.js";

const TRIED = 64; // pixels of the shorter side of a first try

let styles = [];

const none = { palette: undefined, reference: undefined, style: undefined };

function own(colours) {
  panel.set({ ...none, palette: colours.length ? colours.join(",") : undefined }, "palette");
}

/** Only a reference that the server can use takes the place of what was chosen before. */
async function refer(file) {
  const picture = shelf.current;
  if (!file || !picture) return;
  const reference = references.keep(file);
  try {
    const json = { ...await references.members(withOptions(picture.edits.now, { ...none, reference })), preview: TRIED };
    await shelf.within(picture, (at) => asBlob(`${at}/colorize`, { method: "POST", json, signal: picture.abort.signal }));
  } catch (error) {
    references.drop(reference);
    if (!picture.abort.signal.aborted) shelf.tell("trouble", error);
    return;
  }
  if (shelf.current !== picture) return;
  panel.set({ ...none, reference });
  announce(t("palette.referred", { name: file.name }));
}

function drawOwn(chosen) {
  const colours = chosen.palette ? chosen.palette.split(",") : [];
  const place = $("own");
  const inputs = [...place.querySelectorAll("input")];
  if (inputs.length === colours.length && inputs.includes(document.activeElement)) {
    inputs.forEach((input, at) => { input.value = colours[at]; }); // the browser's picker is open on one of them
    return;
  }
  place.replaceChildren(
    ...colours.map((colour, at) => made("span", { class: "chip" },
      made("input", { type: "color", value: colour, "aria-label": t("palette.colour", { at: at + 1 }), on: { input: (event) => own(colours.with(at, event.target.value)) } }),
      iconButton("close", t("palette.remove", { at: at + 1 }), () => own(colours.toSpliced(at, 1))))),
    iconButton("add", t("palette.add"), () => {
      own([...colours, ["#a8593c", "#d9b36c", "#31506e", "#6d7f55"][colours.length % 4]]);
      [...$("own").querySelectorAll("input")].at(-1)?.focus();
    }),
  );
}

function drawReference(chosen) {
  const found = chosen.reference && references.find(chosen.reference);
  $("reference").replaceChildren(
    found ? made("img", { src: found.url, alt: t("palette.reference_of", { name: found.file.name }) }) : made("span", { class: "soft small", text: t("palette.drop") }),
    found
      ? iconButton("close", t("palette.no_reference"), () => { panel.set(none); $("pick-reference").focus(); })
      : made("button", { type: "button", id: "pick-reference", text: t("palette.choose"), on: { click: () => $("reference-file").click() } }),
  );
}

export function draw() {
  const chosen = panel.options();
  $("style").value = chosen.style || "";
  const style = styles.find((one) => one.name === chosen.style);
  $("style-colours").replaceChildren(...(style?.colours || []).map((colour) => {
    const paint = made("span");
    paint.style.background = colour;
    return paint;
  }));
  drawOwn(chosen);
  drawReference(chosen);
}

export function build() {
  $("style").replaceChildren(
    made("option", { value: "", text: t("palette.none") }),
    ...styles.map((style) => made("option", { value: style.name, text: style.title, lang: "en" })),
  );
  draw();
}

export async function begin() {
  styles = (await asJson("/v1/styles")).styles;
  build();
  $("style").addEventListener("change", () => panel.set({ ...none, style: $("style").value || undefined }));
  $("reference-file").addEventListener("change", () => { refer($("reference-file").files[0]); $("reference-file").value = ""; });
  const zone = $("reference");
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    refer((await dropped(event.dataTransfer))[0]);
  });
  for (const kind of ["edit", "select"]) shelf.addEventListener(kind, draw);
}
