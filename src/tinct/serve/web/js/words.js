// What the page says, in the language of its visitor.

export const LANGUAGES = {
  en: "English", de: "Deutsch", fr: "Français", es: "Español",
  it: "Italiano", zh: "中文", ja: "日本語", ar: "العربية",
};
const RIGHT_TO_LEFT = new Set(["ar"]);
const KEPT = "tinct.language";

let words = {};
export let language = "en";

/** The language chosen before, or the first of the browser's that there is. */
export function preferred() {
  const wished = [localStorage.getItem(KEPT), ...navigator.languages].filter(Boolean);
  return wished.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in LANGUAGES) || "en";
}

export async function speak(wanted) {
  const answer = await fetch(`/web/strings/${wanted}.json`);
  if (!answer.ok) throw new Error(answer.statusText);
  words = await answer.json();
  language = wanted;
  document.documentElement.lang = wanted;
  document.documentElement.dir = RIGHT_TO_LEFT.has(wanted) ? "rtl" : "ltr";
  translate(document);
}

export function remember(wanted) {
  localStorage.setItem(KEPT, wanted);
}

/** The words for a key; `{name}` stands for a value. */
export function t(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function translate(root) {
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-t-label]")) {
    node.setAttribute("aria-label", t(node.dataset.tLabel));
    if (node.matches("button")) node.title = t(node.dataset.tLabel);
  }
}

export const number = (value, digits = 2) =>
  new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
export const percent = (value) =>
  new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(value);
export const moment = (time) =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(time);
