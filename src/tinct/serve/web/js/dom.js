// Elements by name, and new ones; text is never read as HTML.

export const $ = (id) => document.getElementById(id);

/** A new element. `props`: `class`, `text`, `on` (listeners), `data`, and attributes. */
export function made(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "on") for (const [kind, act] of Object.entries(value)) node.addEventListener(kind, act);
    else if (name === "data") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

export function drawn(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** A button that is a picture; its name is read out and shown as a tip. */
export function iconButton(icon, label, act, more = {}) {
  const picture = drawn("svg", { "aria-hidden": "true" });
  picture.append(drawn("use", { href: `#i-${icon}` }));
  return made("button", { type: "button", class: "icon", "aria-label": label, title: label, on: { click: act }, ...more }, picture);
}

/** Say something to those who listen instead of looking. */
export function announce(text) {
  const place = $("status");
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = text; });
}

/** Give a file to the browser's downloads. */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = made("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export const clamp = (value, least, most) => Math.min(most, Math.max(least, value));
