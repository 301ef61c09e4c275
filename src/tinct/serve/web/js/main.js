// Puts the page together.

import * as add from "./add.js";
import * as chooser from "./chooser.js";
import { $, made } from "./dom.js";
import * as film from "./film.js";
import * as history from "./history.js";
import * as marks from "./marks.js";
import * as palettes from "./palettes.js";
import * as panel from "./panel.js";
import * as previews from "./previews.js";
import * as save from "./save.js";
import { Problem, asJson, tokensFrom } from "./server.js";
import { shelf } from "./shelf.js";
import * as tiles from "./tiles.js";
import * as variants from "./variants.js";
import { viewer } from "./viewer.js";
import { LANGUAGES, number, preferred, remember, speak, t } from "./words.js";

const MOST_SAID = 4; // failures at once
const THEME = "tinct.theme";
const KEYS = [
  ["← → Home End", "keys.slider"], ["Space", "keys.original"], ["+ − 0 1", "keys.zoom"], ["← ↑ → ↓", "keys.pan"],
  ["S", "keys.side"], ["F", "keys.full"], ["Enter", "keys.choose"], ["Delete", "keys.delete"], ["Ctrl Z · Ctrl Y", "keys.undo"],
];

let known = { models: [], label: "" };

/** Take away what was said of troubles that are over. */
const calm = () => $("alerts").replaceChildren();

/** Say what went wrong: in the visitor's language as far as the page knows, then in the server's words. */
function trouble(error, name = "") {
  const place = $("alerts");
  const others = name ? [...place.querySelectorAll(".of")].slice(-MOST_SAID + 1) : []; // of several pictures, all
  const own = error instanceof Problem ? t("trouble.title") : error instanceof TypeError ? t("trouble.offline") : t("trouble.title");
  const said = error instanceof Problem ? [error.message, error.remedy].filter(Boolean).join(": ") : "";
  place.replaceChildren(
    made("div", {}, ...others, made("p", { class: name ? "of" : undefined }, name && made("b", { dir: "auto", text: `${name} ` }), own, made("span", { lang: "en", dir: "ltr", class: "soft", text: said }))),
    made("button", { type: "button", class: "icon", "aria-label": t("page.close"), text: "×", on: { click: calm } }),
  );
}

function dressing() {
  const dress = (theme) => { document.documentElement.dataset.theme = theme; };
  dress(localStorage.getItem(THEME) || "");
  $("theme").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).getPropertyValue("--is-dark").trim() === "1";
    const systemDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const next = dark ? "light" : "dark";
    if ((next === "dark") === systemDark) localStorage.removeItem(THEME);
    else localStorage.setItem(THEME, next);
    dress(next);
  });
}

function facts() {
  const model = panel.model();
  if (!model) return;
  const rows = {
    "model.name": model.name, "model.licence": model.licence, "model.parameters": number(model.parameters),
    "model.trained_on": model.trained_on, "model.size": t("model.pixels", { count: number(model.working_size) }), "model.hash": model.sha256,
  };
  $("model-facts").replaceChildren(...Object.entries(rows).flatMap(([key, value]) => [made("dt", { text: t(key) }), made("dd", { lang: "en", text: value })]));
}

function explain() {
  $("key-table").replaceChildren(made("tbody", {}, ...KEYS.map(([keys, key]) => made("tr", {},
    made("th", { scope: "row" }, ...keys.split(" ").map((one) => (one === "·" ? " " : made("kbd", { text: one })))),
    made("td", { text: t(key) })))));
}

async function changeLanguage(wanted) {
  await speak(wanted);
  panel.build();
  palettes.build();
  film.redraw();
  save.draw();
  variants.redraw();
  marks.draw();
  viewer.renamed();
  explain();
}

function askForToken() {
  return new Promise((go) => {
    const box = $("ask-token");
    box.addEventListener("close", () => { const word = $("token").value; $("token").value = ""; go(word); }, { once: true });
    box.showModal();
  });
}

async function begin() {
  dressing();
  await speak(preferred());
  let asking = null; // however many requests need the token, the visitor is asked once
  tokensFrom(() => { asking ||= askForToken().finally(() => { asking = null; }); return asking; });
  $("language").append(...Object.entries(LANGUAGES).map(([tag, name]) => made("option", { value: tag, text: name, lang: tag })));
  $("language").value = document.documentElement.lang;
  $("language").addEventListener("change", () => { remember($("language").value); changeLanguage($("language").value); });
  film.begin();
  viewer.begin();
  previews.onTrouble(trouble);
  previews.begin();
  tiles.begin();
  shelf.addEventListener("trouble", (event) => trouble(event.detail));
  shelf.addEventListener("change", ({ detail }) => {
    if (detail.problem && !detail.told) { detail.told = true; trouble(detail.problem, detail.name); }
  });
  shelf.addEventListener("select", ({ detail }) => { if (detail?.state !== "failed") calm(); });
  shelf.addEventListener("list", () => { if (!shelf.pictures.length) calm(); });
  marks.begin((hint, from) => chooser.choose({ hint, from }));
  shelf.addEventListener("choose", (event) => chooser.choose(event.detail));
  viewer.addEventListener("pick", (event) => { if (panel.model()?.hints) chooser.choose({ ...event.detail, from: viewer.stage }); });
  viewer.stage.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target === viewer.stage && (panel.model()?.hints || marks.brush() === "keep")) { event.preventDefault(); chooser.aim(); }
  });
  chooser.begin();
  variants.begin();
  history.begin();
  add.begin(save.openProject);
  $("open-keys").addEventListener("click", () => $("keys").showModal());
  $("open-model").addEventListener("click", () => { facts(); $("about-model").showModal(); });
  explain();
  document.body.classList.add("begun");
  try {
    known = await asJson("/v1/models");
    panel.begin(known.models);
    save.begin(known);
    save.draw();
    await palettes.begin();
    document.body.classList.add("known");
  } catch (error) {
    trouble(error);
  }
}

begin();
