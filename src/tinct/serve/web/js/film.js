// The filmstrip: every picture, how far it is, and what can be done about it.

import { $, iconButton, made } from "./dom.js";
import { shelf } from "./shelf.js";
import { percent, t } from "./words.js";

const frames = new Map();

/** How a picture stands, in words. */
export const said = (picture) => ({
  waiting: () => t("state.waiting"),
  sending: () => t("state.sending", { share: percent(picture.progress) }),
  colouring: () => t("state.colouring"),
  ready: () => (picture.skipped ? t("state.skipped") : t("state.ready")),
  failed: () => t("state.failed"),
  cancelled: () => t("state.cancelled"),
})[picture.state]();

function frameOf(picture) {
  if (frames.has(picture.key)) return frames.get(picture.key);
  const image = made("img", { alt: "", draggable: "false" });
  const name = made("span", { class: "name", dir: "auto" });
  const state = made("span", { class: "state" });
  const bar = made("progress", { max: 1 });
  const open = made("button", { type: "button", class: "frame", on: { click: () => shelf.select(picture) } }, image, name, state);
  const tools = made("span", { class: "frame-tools" });
  const item = made("li", {}, open, bar, tools);
  const frame = { picture, item, image, name, state, bar, open, tools, shown: "" };
  frames.set(picture.key, frame);
  return frame;
}

function draw(frame) {
  const { picture } = frame;
  frame.name.textContent = picture.name;
  frame.state.textContent = said(picture);
  frame.open.setAttribute("aria-label", t("film.frame", { name: picture.name, state: said(picture) }));
  frame.open.setAttribute("aria-current", picture === shelf.current ? "true" : "false");
  frame.item.dataset.state = picture.state;
  if (picture.thumb && frame.image.getAttribute("src") !== picture.thumb) frame.image.src = picture.thumb;
  const busy = ["waiting", "sending", "colouring"].includes(picture.state);
  frame.bar.hidden = !busy;
  frame.bar.setAttribute("aria-label", t("film.progress", { name: picture.name }));
  if (picture.state === "sending") frame.bar.value = 0.8 * picture.progress;
  else frame.bar.value = picture.state === "colouring" ? 0.9 : 0;
  const wanted = busy ? "cancel" : ["failed", "cancelled"].includes(picture.state) ? "retry" : "remove";
  if (frame.shown === wanted + document.documentElement.lang) return;
  frame.shown = wanted + document.documentElement.lang;
  const { name } = picture;
  const remove = () => {
    shelf.remove(picture);
    (frames.get(shelf.current?.key)?.open || document.querySelector("#welcome [data-add]")).focus();
  };
  frame.tools.replaceChildren(...{
    cancel: () => [iconButton("close", t("film.cancel", { name }), () => shelf.cancel(picture))],
    retry: () => [
      iconButton("retry", t("film.retry", { name }), () => shelf.retry(picture)),
      iconButton("close", t("film.remove", { name }), remove),
    ],
    remove: () => [iconButton("close", t("film.remove", { name }), remove)],
  }[wanted]());
}

export function redraw() {
  const keep = new Set(shelf.pictures.map((one) => one.key));
  for (const [key, frame] of frames) if (!keep.has(key)) { frame.item.remove(); frames.delete(key); }
  shelf.pictures.forEach((picture, at) => {
    const frame = frameOf(picture);
    if ($("frames").children[at] !== frame.item) $("frames").insertBefore(frame.item, $("frames").children[at] || null);
    draw(frame);
  });
  document.body.classList.toggle("empty", !shelf.pictures.length);
  document.body.classList.toggle("single", shelf.pictures.length === 1);
}

export function begin() {
  shelf.addEventListener("list", redraw);
  shelf.addEventListener("select", redraw);
  shelf.addEventListener("change", (event) => {
    const frame = frames.get(event.detail.key);
    if (frame) draw(frame);
  });
  $("clear").addEventListener("click", () => {
    if (!confirm(t("film.clear_sure"))) return;
    shelf.clear();
    document.querySelector("#welcome [data-add]").focus();
  });
}
