// The panel: tabs, sliders, and all other options of the command line under their own names.

import { $, made } from "./dom.js";
import * as marks from "./marks.js";
import { withOptions } from "./edits.js";
import { shelf } from "./shelf.js";
import { number, t } from "./words.js";

const SLIDERS = ["vividness", "saturation"];
/** Options that are chosen from a list: their values, the default first, and their words. */
const LISTS = {
  toned: { neutral: "option.toned_neutral", keep: "option.toned_keep" },
  if_color: { skip: "option.if_color_skip", recolor: "option.if_color_recolor", fail: "option.if_color_fail" },
  effort: { normal: "option.effort_normal", best: "option.effort_best", fast: "option.effort_fast" },
  format: { same: "option.same", jpeg: "", png: "", tiff: "", webp: "", avif: "" },
  depth: { same: "option.same", 8: "", 16: "" },
};
const NUMBERS = { size: [64, 2048], seed: [0, 2 ** 31], quality: [1, 100] };
const SWITCHES = ["drop_credentials", "sidecar", "confidence"];
const NAMES = {
  toned: "option.toned", if_color: "option.if_color", effort: "option.effort", format: "option.format",
  depth: "option.depth", size: "option.size", seed: "option.seed", quality: "option.quality",
  drop_credentials: "option.drop_credentials", sidecar: "option.sidecar", confidence: "option.confidence", model: "option.model",
};
const HOW = ["model", "toned", "if_color", "effort", "size", "seed", "drop_credentials"];
const SAVING = ["format", "depth", "quality", "sidecar", "confidence"];
const DEFAULTS = { vividness: 0.6, saturation: 1, seed: 0, quality: 90, size: "" };

let models = [];

/** Change options of the picture that is shown. */
export function set(changes, kind = "") {
  const { edits } = shelf.current;
  edits.change(withOptions(edits.now, changes), kind);
  shelf.tell("edit", shelf.current);
}

export const options = () => shelf.current?.edits.now.options || {};

/** The model that colours the picture that is shown. */
export const model = () => models.find((one) => one.name === options().model) || models[0];

function tabs() {
  const all = [...document.querySelectorAll("[role=tab]")];
  const open = (tab) => {
    for (const one of all) {
      const chosen = one === tab;
      one.setAttribute("aria-selected", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
      $(one.getAttribute("aria-controls")).hidden = !chosen;
    }
    shelf.tell("tab", tab.id);
  };
  for (const tab of all) {
    tab.addEventListener("click", () => open(tab));
    tab.addEventListener("keydown", (event) => {
      const back = document.documentElement.dir === "rtl" ? 1 : -1;
      const step = { ArrowLeft: back, ArrowRight: -back }[event.key];
      const at = { Home: 0, End: all.length - 1 }[event.key] ?? (step && (all.indexOf(tab) + step + all.length) % all.length);
      if (at === undefined) return;
      event.preventDefault();
      open(all[at]);
      all[at].focus();
    });
  }
}

function field(name) {
  const id = `option-${name}`;
  const change = (value) => set({ [name]: value }, `option ${name}`);
  const label = t(NAMES[name]);
  if (SWITCHES.includes(name)) {
    const box = made("input", { type: "checkbox", id, on: { change: () => change(box.checked || undefined) } });
    return made("label", { class: "check" }, box, made("span", { text: label }), made("code", { dir: "ltr", text: name }));
  }
  let input;
  if (NUMBERS[name]) {
    const [min, max] = NUMBERS[name];
    input = made("input", { type: "number", id, min, max, placeholder: name === "size" ? t("option.own_size") : undefined });
    input.addEventListener("change", () => {
      const value = input.value === "" ? undefined : Number(input.value);
      if (input.checkValidity()) change(value === DEFAULTS[name] ? undefined : value);
      else input.reportValidity();
    });
  } else {
    const words = name === "model" ? Object.fromEntries(models.map((one) => [one.name, ""])) : LISTS[name];
    input = made("select", { id }, ...Object.entries(words).map(([value, key]) => made("option", { value, text: key ? t(key) : value })));
    const first = name === "model" ? models[0]?.name : Object.keys(words).find((value) => words[value] && value !== "16");
    input.addEventListener("change", () => change(input.value === (name === "model" ? first : defaultOf(name)) ? undefined : input.value));
  }
  return made("div", { class: "field" }, made("label", { for: id, text: label }), made("code", { dir: "ltr", text: name }), input);
}

const defaultOf = (name) => (name === "model" ? models[0]?.name
  : LISTS[name] ? Object.entries(LISTS[name]).find(([, key]) => key)[0] : DEFAULTS[name]);

/** Draw the fields again, in the language of now. */
export function build() {
  $("options").replaceChildren(...HOW.map(field));
  $("save-options").replaceChildren(...SAVING.map(field));
  draw();
}

function notes() {
  const picture = shelf.current;
  const found = [];
  if (picture?.skipped) {
    found.push(made("p", { text: t("note.has_colours") }), made("button", { type: "button", text: t("note.recolour"), on: { click: () => set({ if_color: "recolor" }) } }));
  }
  if (picture?.session?.tone === "toned" && !options().toned) {
    found.push(made("p", { class: "soft", text: t("note.toned") }), made("button", { type: "button", class: "link", text: t("note.keep_tone"), on: { click: () => set({ toned: "keep" }) } }));
  }
  if (picture?.session?.pages > 1) found.push(made("p", { class: "soft", text: t("note.pages", { count: number(picture.session.pages) }) }));
  for (const warning of picture?.session?.warnings || []) found.push(made("p", { class: "soft", lang: "en", text: warning }));
  $("notes").replaceChildren(...found);
}

function hintRow(hint) {
  const remove = made("button", { type: "button", class: "icon", "aria-label": t("hints.remove", { name: marks.named(hint) }), text: "×", on: { click: () => { marks.remove(hint.id); marks.refocus(); } } });
  if (hint.kind === "keep") return made("li", {}, made("span", { class: "hint" }, made("span", { class: "paint kept" }), made("span", { text: marks.named(hint) })), remove);
  const open = (event) => shelf.tell("choose", { hint, from: event.currentTarget });
  const paint = made("span", { class: "paint" });
  paint.style.background = marks.shownColour(hint);
  return made("li", {},
    made("button", { type: "button", class: "hint", "aria-label": t("hints.dot", { name: marks.named(hint) }), on: { click: open } }, paint, made("span", { text: marks.named(hint) })),
    remove);
}

export function draw() {
  const chosen = options();
  const now = model();
  for (const name of SLIDERS) {
    const value = chosen[name] ?? DEFAULTS[name];
    if (Number($(name).value) !== value) $(name).value = String(value);
    $(`${name}-out`).textContent = number(value);
  }
  for (const name of [...HOW, ...SAVING]) {
    const input = $(`option-${name}`);
    if (!input) continue;
    if (SWITCHES.includes(name)) input.checked = Boolean(chosen[name]);
    else input.value = String(chosen[name] ?? defaultOf(name));
  }
  for (const part of document.querySelectorAll("[data-needs=hints]")) part.hidden = !now?.hints;
  for (const part of document.querySelectorAll("[data-needs=distribution]")) part.hidden = now?.outputs !== "distribution";
  $("no-hints").hidden = Boolean(now?.hints);
  const hints = shelf.current?.edits.now.hints || [];
  $("hint-list").replaceChildren(...hints.map(hintRow));
  $("clear-hints").hidden = !hints.length;
  const { past = [], future = [] } = shelf.current?.edits || {};
  $("undo").disabled = !past.length;
  $("redo").disabled = !future.length;
  notes();
}

function back(way) {
  if (!shelf.current?.edits[way]()) return;
  shelf.tell("edit", shelf.current);
}

export function begin(known) {
  models = known;
  tabs();
  build();
  for (const name of SLIDERS) {
    $(name).addEventListener("input", () => {
      const value = Number($(name).value);
      set({ [name]: value === DEFAULTS[name] ? undefined : value }, name);
    });
  }
  $("undo").addEventListener("click", () => back("undo"));
  $("redo").addEventListener("click", () => back("redo"));
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.target.matches("input[type=number], input[type=password]")) return;
    const key = event.key.toLowerCase();
    if (key === "z") { event.preventDefault(); back(event.shiftKey ? "redo" : "undo"); }
    if (key === "y") { event.preventDefault(); back("redo"); }
  });
  for (const kind of ["edit", "select", "change", "ready"]) {
    shelf.addEventListener(kind, (event) => { if (kind !== "change" || event.detail === shelf.current) draw(); });
  }
}
