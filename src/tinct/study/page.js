"use strict";
// One participant's way through the study. The server knows what was answered; this page keeps a random token only.

const MODES = {
  real: {
    task: "Some of these pictures have their real colours. Others were black and white, and a machine added the colours. Which is which?",
    question: "Are these colours real?",
    choices: [[1, "Real"], [0, "Coloured"]],
  },
  pair: {
    task: "You see the same picture twice, in different colours. Which of the two looks more natural?",
    question: "Which one looks more natural?",
    choices: [[0, "A"], [1, "B"]],
  },
  rate: {
    task: "Some of these pictures have their real colours, others were black and white before a machine coloured them. How natural do the colours look?",
    question: "How natural do the colours look?",
    choices: [1, 2, 3, 4, 5].map((value) => [value, String(value)]),
    ends: ["1: not at all", "5: completely"],
  },
};
const REST = 350; // milliseconds in which a second click of a double click may fall

const $ = (id) => document.getElementById(id);
const { mode, study, total, limit } = document.body.dataset;
const STORED = `tinct-study-${study}`; // many studies may have one address, one after the other
const asked = MODES[mode];
const seconds = Number(limit) || 0;

let token = stored();
let trial = null;
let begun = 0; // when the picture appeared, by performance.now()
let ready = false; // whether an answer is taken
let hiding = 0;

function stored() {
  try {
    const found = localStorage.getItem(STORED) || "";
    return /^[0-9a-f]{32}$/.test(found) ? found : "";
  } catch {
    return ""; // storage is switched off: the study works, but a reload begins anew
  }
}

function remember(value) {
  token = value;
  try {
    if (value) localStorage.setItem(STORED, value);
    else localStorage.removeItem(STORED);
  } catch { /* see above */ }
}

function made() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Ask the server until it answers: what is asked can be asked twice. */
async function ask(method, path, body) {
  for (let pause = 500; ; pause = Math.min(2 * pause, 8000)) {
    try {
      const headers = { Authorization: `Bearer ${token}` };
      if (body) headers["Content-Type"] = "application/json";
      const reply = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
      if (reply.status < 500) {
        $("trouble").textContent = "";
        return reply.ok ? reply.json() : { refused: reply.status };
      }
    } catch { /* no connection: as if the server were down */ }
    $("trouble").textContent = "The study cannot be reached. Your answer is kept here and sent as soon as it can be.";
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function only(section) {
  for (const one of document.querySelectorAll("main > section")) one.hidden = one !== section;
}

function welcome() {
  const rules = [
    `${total} ${mode === "pair" ? "pairs" : "pictures"}, a few minutes. Go by your first impression; you are not scored.`,
    "You can stop at any time. What you have answered by then still helps.",
  ];
  if (seconds) {
    rules.splice(1, 0, `Each picture is shown for ${seconds} ${seconds === 1 ? "second" : "seconds"}, then hidden. Take as long as you like to answer.`);
  }
  $("task").textContent = asked.task;
  $("rules").replaceChildren(...rules.map((text) => made_of("li", text)));
  only($("welcome"));
}

function made_of(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

async function begin() {
  if (!token) remember(made());
  await go(await ask("PUT", "api/participant"));
}

async function go(state) {
  if (state.refused) { // the token is not known here, or another tab went on
    const now = state.refused === 409 ? await ask("GET", "api/state") : { refused: true };
    if (!now.refused) return go(now);
    remember("");
    return welcome();
  }
  if (!state.trial) {
    trial = null;
    only($("thanks"));
    return $("done").focus();
  }
  return show(state);
}

async function show(state) {
  const mine = (trial = state.trial);
  ready = false;
  clearTimeout(hiding);
  only($("trial"));
  $("count").textContent = `${mode === "pair" ? "Pair" : "Picture"} ${state.done + 1} of ${state.total}`;
  $("progress").max = state.total;
  $("progress").value = state.done;
  choices();
  $("panel").focus({ preventScroll: true });
  window.scrollTo(0, 0);
  if (mine.hidden) hide(mine);
  else await frame(mine);
  if (trial !== mine) return;
  begun = performance.now() - (mine.elapsed_ms || 0);
  ask("POST", "api/shown", { trial: mine.id });
  if (seconds && !mine.hidden) hiding = setTimeout(() => hide(mine), 1000 * seconds - (mine.elapsed_ms || 0));
  for (const address of state.next || []) new Image().src = address;
  setTimeout(() => {
    if (trial !== mine) return;
    ready = true;
    for (const button of $("choices").children) button.removeAttribute("aria-disabled");
  }, REST);
}

/** Show the pictures of a question at once, when all of them have arrived. */
async function frame(mine) {
  const names = mine.pictures.length > 1 ? ["A", "B"] : [""];
  for (let pause = 500; trial === mine; pause = Math.min(2 * pause, 8000)) {
    const images = mine.pictures.map((address, index) => {
      const image = new Image();
      image.alt = names[index] ? `Picture ${names[index]}` : "Picture to judge";
      image.draggable = false;
      image.src = address;
      return image;
    });
    try {
      await Promise.all(images.map((image) => image.decode()));
      if (trial === mine) $("pictures").replaceChildren(...images.map((image, index) => boxed(mine, image, names[index])));
      $("trouble").textContent = "";
      return;
    } catch {
      $("trouble").textContent = "The picture does not arrive. Trying again.";
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function boxed(mine, content, name) {
  const figure = document.createElement("figure");
  const box = document.createElement("div");
  box.className = "frame";
  box.style.setProperty("--ratio", String(mine.width / mine.height));
  box.append(content);
  figure.append(box);
  if (name) figure.append(made_of("figcaption", name));
  return figure;
}

function hide(mine) {
  if (trial !== mine) return;
  const names = mine.pictures.length > 1 ? ["A", "B"] : [""];
  const text = "The picture is hidden. Answer from memory.";
  $("pictures").replaceChildren(...names.map((name) => boxed(mine, made_of("p", text), name)));
}

function choices() {
  const buttons = asked.choices.map(([value, label], index) => {
    const button = made_of("button", label);
    button.type = "button";
    button.setAttribute("aria-disabled", "true"); // not `disabled`, which would lose the focus
    button.setAttribute("aria-keyshortcuts", String(index + 1));
    if (mode !== "rate") { // where the label is no number itself
      const key = made_of("kbd", String(index + 1));
      key.setAttribute("aria-hidden", "true");
      button.prepend(key);
    }
    button.addEventListener("click", () => choose(value, button));
    return button;
  });
  $("choices").replaceChildren(...buttons);
}

async function choose(value, button) {
  if (!ready || !trial) return;
  ready = false;
  const passed = Math.round(performance.now() - begun);
  clearTimeout(hiding);
  button.dataset.chosen = "";
  for (const one of $("choices").children) one.setAttribute("aria-disabled", "true");
  await go(await ask("POST", "api/answer", { trial: trial.id, answer: value, response_ms: passed }));
}

// number keys work while the focus is in the panel, as WCAG 2.1.4 wants of single keys
$("panel").addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  const buttons = $("choices").children;
  const index = "12345".indexOf(event.key);
  if (event.key.length === 1 && index >= 0 && index < buttons.length) {
    event.preventDefault();
    buttons[index].click();
  } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    const step = event.key === "ArrowLeft" ? -1 : 1;
    const at = Array.prototype.indexOf.call(buttons, document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : buttons.length - 1) : at + step;
    event.preventDefault();
    buttons[Math.max(0, Math.min(buttons.length - 1, next))].focus();
  }
});

$("question").textContent = asked.question;
if (asked.ends) {
  $("scale").hidden = false;
  $("low").textContent = asked.ends[0];
  $("high").textContent = asked.ends[1];
}
$("begin").addEventListener("click", (event) => {
  if (event.currentTarget.getAttribute("aria-disabled")) return;
  event.currentTarget.setAttribute("aria-disabled", "true");
  begin().finally(() => $("begin").removeAttribute("aria-disabled"));
});
function anew() {
  remember("");
  trial = null;
  clearTimeout(hiding);
  welcome();
  $("begin").focus();
}

$("again").addEventListener("click", anew);
$("other").addEventListener("click", () => {
  if (confirm("Somebody else takes part from here on? What was answered so far counts, and cannot be gone on with.")) anew();
  else $("panel").focus({ preventScroll: true });
});
// a click beside the choices takes the focus away, and with it the number keys
$("pictures").addEventListener("click", () => $("panel").focus({ preventScroll: true }));
if (token) ask("GET", "api/state").then(go);
else welcome();
