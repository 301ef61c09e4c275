// Saving: the picture at full size, all of them, the colours as a layer, the project; and proof.

import { $, announce, download } from "./dom.js";
import { hintsOf, project, readProject } from "./edits.js";
import { members } from "./references.js";
import { asBlob, asJson, ask, nameOf } from "./server.js";
import { shelf } from "./shelf.js";
import { number, t } from "./words.js";
import { zipped } from "./zip.js";

let models = { models: [], label: "" };

/** The coloured file at full size, and its record where one was asked for. */
async function finished(picture) {
  const edit = picture.edits.now;
  const answer = await shelf.within(picture, async (at) => ask(`${at}/colorize`, {
    method: "POST", json: await members(edit), headers: { Accept: "image/*" }, signal: picture.abort.signal,
  }));
  const files = [{ name: nameOf(answer), blob: await answer.blob() }];
  picture.outcome = {
    edit,
    delta: answer.headers.get("X-Max-Delta-L"),
    luma: answer.headers.get("X-Luma-Identical"),
    skipped: answer.headers.get("X-Status") === "skipped",
    warnings: JSON.parse(answer.headers.get("X-Warnings") || "[]"),
  };
  const job = /<([^>]+)>; rel="describedby"/.exec(answer.headers.get("Link") || "")?.[1];
  if (job) {
    const { outcome, links } = await asJson(job);
    if (outcome?.record) {
      const text = JSON.stringify(outcome.record, null, 1);
      files.push({ name: `${files[0].name}.json`, blob: new Blob([text], { type: "application/json" }) });
    }
    if (links.confidence) files.push({ name: `${stem(picture.name)}.confidence.png`, blob: await asBlob(links.confidence) });
    ask(job, { method: "DELETE" }).catch(() => {});
  }
  draw();
  return files;
}

/** While it lasts, the button says so; a second click waits for the first. */
function busy(button, key, act) {
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true" || !shelf.current) return;
    button.setAttribute("aria-disabled", "true");
    button.textContent = t("save.working");
    shelf.saving += 1;
    try {
      await act(button);
    } catch (error) {
      shelf.tell("trouble", error);
    } finally {
      shelf.saving -= 1;
      button.removeAttribute("aria-disabled");
      button.textContent = t(key);
    }
  });
}

async function saveOne() {
  for (const { name, blob } of await finished(shelf.current)) download(blob, name);
  announce(t("save.saved"));
}

async function saveAll(button) {
  const all = shelf.pictures.filter((one) => one.state === "ready");
  const files = [];
  for (const [at, picture] of all.entries()) {
    button.textContent = t("save.progress", { at: number(at + 1), of: number(all.length) });
    files.push(...await finished(picture));
  }
  if (!files.length) return;
  download(await zipped(files), "tinct.zip");
  const left = shelf.pictures.length - all.length;
  announce(left ? `${t("save.saved")} ${t("save.left_out", { count: left })}` : t("save.saved"));
  $("save-left").textContent = left ? t("save.left_out", { count: left }) : "";
}

async function saveLayer() {
  const picture = shelf.current;
  const blob = await shelf.within(picture, async (at) => asBlob(`${at}/layer`, {
    method: "POST", json: await members(picture.edits.now), signal: picture.abort.signal,
  }));
  download(blob, `${stem(picture.name)}.colours.png`);
  announce(t("save.saved"));
}

const stem = (name) => name.replace(/\.[^.]+$/, "");

export async function openProject(file) {
  const picture = shelf.current;
  if (!picture) return;
  try {
    picture.edits.change(readProject(await file.text()));
    shelf.tell("edit", picture);
    announce(t("save.project_open"));
  } catch {
    $("alerts").textContent = t("save.no_project");
  }
}

function light(outcome) {
  if (outcome.skipped) return t("trust.untouched");
  if (outcome.luma === "true") return t("trust.identical");
  return outcome.delta === null ? t("trust.unknown") : t("trust.delta", { delta: number(Number(outcome.delta), 4) });
}

export function draw() {
  const picture = shelf.current;
  const { model = models.models[0]?.name, format, depth } = picture?.edits.now.options || {};
  $("label").textContent = models.label;
  $("model-name").textContent = model;
  const outcome = picture?.outcome;
  $("light").textContent = outcome ? light(outcome) : t("trust.promise");
  $("light").classList.toggle("proved", Boolean(outcome && !outcome.skipped));
  for (const warning of outcome?.warnings || []) {
    const line = document.createElement("span");
    line.className = "soft small warning";
    line.lang = "en";
    line.textContent = warning;
    $("light").append(line);
  }
  const failed = picture?.state === "failed" || picture?.state === "cancelled";
  for (const name of ["save-one", "save-layer", "verify"]) $(name).disabled = failed;
  $("save-left").textContent = "";
  $("save-zip").hidden = shelf.pictures.length < 2;
  const session = picture?.session;
  if (session) {
    $("save-as").textContent = t("save.as", {
      format: (format && format !== "same" ? format : session.saves_as).toUpperCase(),
      depth: depth && depth !== "same" ? depth : session.depth,
      width: number(session.width), height: number(session.height),
    });
  }
}

export function begin(known) {
  models = known;
  busy($("save-one"), "save.picture", saveOne);
  busy($("save-zip"), "save.zip", saveAll);
  busy($("save-layer"), "save.layer", saveLayer);
  busy($("verify"), "trust.verify", async () => {
    await finished(shelf.current);
    announce($("light").textContent);
  });
  $("save-project").addEventListener("click", () => {
    const { edits, name } = shelf.current;
    const kind = hintsOf(edits.now) ? "hints" : "tinct";
    download(new Blob([project(edits.now, name)], { type: "application/json" }), `${stem(name)}.${kind}.json`);
  });
  $("open-project").addEventListener("click", () => $("project-file").click());
  $("project-file").addEventListener("change", () => {
    if ($("project-file").files[0]) openProject($("project-file").files[0]);
    $("project-file").value = "";
  });
  for (const kind of ["edit", "select", "ready", "list"]) {
    shelf.addEventListener(kind, () => {
      if (shelf.current?.outcome && shelf.current.outcome.edit !== shelf.current.edits.now) shelf.current.outcome = null;
      draw();
    });
  }
}
