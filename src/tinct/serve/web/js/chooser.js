// The colours of a point: those the network itself holds likely there, or any other.

import { $, announce, clamp, made } from "./dom.js";
import * as marks from "./marks.js";
import { asJson } from "./server.js";
import { shelf } from "./shelf.js";
import { viewer } from "./viewer.js";
import { percent, t } from "./words.js";

let opened = null;

/** Ask for a colour at a place, or for another of a hint that is there. */
export async function choose({ hint, x, y, from }) {
  close(false);
  const place = hint ? (hint.kind === "point" ? hint : { x: hint.path[0][0], y: hint.path[0][1] }) : { x, y };
  const own = { hint, from, picture: shelf.current };
  opened = own;
  const box = $("chooser");
  const likely = made("div", { class: "likely" }, made("p", { class: "soft small", text: t("choose.weighing") }));
  const any = made("input", { type: "color", value: hint?.color || "#a8593c", id: "any-colour" });
  any.addEventListener("input", () => take(any.value));
  box.replaceChildren(
    made("h2", { id: "chooser-title", text: t("choose.title") }),
    likely,
    made("div", { class: "any" }, any, made("label", { for: "any-colour", text: t("choose.any") }),
      made("button", { type: "button", class: "quiet", text: t("choose.grey"), on: { click: () => { take(marks.GREY); any.value = marks.GREY; } } })),
    made("div", { class: "row" },
      made("button", { type: "button", class: "quiet", text: t("choose.remove"), hidden: !hint, on: { click: () => { const { hint: which } = own; close(); if (which) marks.remove(which.id); } } }),
      made("button", { type: "button", class: "primary", text: t("choose.done"), on: { click: () => close() } })),
  );
  box.hidden = false;
  position(place);
  box.querySelector("input").focus();
  try {
    const picture = shelf.current;
    const { model, size } = picture.edits.now.options;
    const found = await shelf.within(picture, (at) => asJson(`${at}/palette`, {
      method: "POST", json: { x: place.x, y: place.y, count: 6, model, size }, signal: picture.abort.signal,
    }));
    if (opened !== own) return;
    likely.replaceChildren(...found.colours.map((one) => made("button", {
      type: "button", class: "swatch", "aria-label": t("choose.colour", { colour: one.colour, share: percent(one.probability) }),
      on: { click: () => { take(one.colour); any.value = one.colour; } },
    }, made("span", { class: "paint", data: { colour: one.colour } }), made("span", { class: "small", text: percent(one.probability) }))));
    for (const paint of likely.querySelectorAll(".paint")) paint.style.background = paint.dataset.colour;
    if (found.colours.length && !hint) any.value = found.colours[0].colour;
    position(place);
    if (document.activeElement === any) likely.querySelector("button")?.focus();
  } catch (error) {
    if (opened === own) likely.replaceChildren(made("p", { class: "small", lang: "en", text: error.message }));
  }

  function take(color) {
    if (!own.hint) own.hint = marks.add({ kind: "point", x: Number(place.x.toFixed(4)), y: Number(place.y.toFixed(4)), color });
    else marks.alter(own.hint.id, { color, ab: undefined }, `colour ${own.hint.id}`);
    box.querySelector(".row .quiet").hidden = false;
    for (const one of box.querySelectorAll(".swatch")) one.setAttribute("aria-pressed", String(one.querySelector(".paint").dataset.colour === color));
    announce(t("hints.set"));
  }
}

function position({ x, y }) {
  const box = $("chooser");
  if (matchMedia("(max-width: 45rem)").matches) { box.style.removeProperty("transform"); return; }
  const pane = document.querySelector(".pane.after").getBoundingClientRect();
  const { left, top } = viewer.pointOf(x, y);
  const { width, height } = box.getBoundingClientRect();
  const beside = pane.left + left + 28;
  const fits = beside + width < innerWidth - 12;
  const at = clamp(fits ? beside : pane.left + left - width - 28, 12, innerWidth - width - 12);
  box.style.transform = `translate(${at}px, ${clamp(pane.top + top - height / 3, 12, innerHeight - height - 12)}px)`;
}

export function close(refocus = true) {
  if (!opened) return;
  const { from, hint } = opened;
  opened = null;
  $("chooser").hidden = true;
  if (!refocus) return;
  const dot = hint && document.querySelector(`.dot[data-id="${hint.id}"]`);
  (dot || (from?.isConnected ? from : viewer.stage)).focus();
}

/** A cross that arrow keys move; Enter chooses a colour where it is. */
export function aim() {
  close(false);
  document.querySelector(".dot.aim")?.remove();
  const place = { x: 0.5, y: 0.5 };
  const cross = made("button", { type: "button", class: "dot aim", "aria-label": t({ "": "hints.aim", brush: "hints.aim_brush", keep: "hints.aim_kept" }[marks.brush()]) });
  const draw = () => {
    const { left, top } = viewer.pointOf(place.x, place.y);
    cross.style.transform = `translate(${left}px, ${top}px)`;
  };
  const end = () => { viewer.removeEventListener("view", draw); cross.remove(); };
  const back = $(marks.brush() || "aim");
  const enter = () => {
    if (marks.brush()) { marks.dab(place); return; }
    end();
    choose({ ...place, from: back });
  };
  cross.addEventListener("click", enter);
  cross.addEventListener("keydown", (event) => {
    const far = event.shiftKey ? 0.1 : 0.02;
    const way = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[event.key];
    if (way) {
      place.x = clamp(place.x + way[0], 0, 1);
      place.y = clamp(place.y + way[1], 0, 1);
      draw();
      announce(t("hints.place", { x: percent(place.x), y: percent(place.y) }));
    } else if (event.key === "Enter" || event.key === " ") enter();
    else if (event.key === "Escape") { end(); back.focus(); } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  cross.addEventListener("blur", () => setTimeout(end, 150));
  viewer.addEventListener("view", draw);
  $("dots").append(cross);
  draw();
  cross.focus();
}

export function begin() {
  $("chooser").addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); close(); }
  });
  document.addEventListener("pointerdown", (event) => {
    if (opened && !event.target.closest("#chooser, .dot")) close(false);
  });
  shelf.addEventListener("select", () => close(false));
  $("aim").addEventListener("click", aim);
  shelf.addEventListener("aim", aim);
}
