// The pictures on the page: each is sent once and coloured; two at a time.

import { Edits } from "./edits.js";
import { forgetSessions, members } from "./references.js";
import { Problem, ask, closeSession, openSession } from "./server.js";

const AT_ONCE = 2;
const THUMB = 160; // pixels of the shorter side

/** One picture. States: waiting, sending, colouring, ready, failed, cancelled. */
export class Picture {
  constructor(file, name, edit) {
    this.key = crypto.randomUUID?.() || String(Math.random()).slice(2); // other hosts than this one have no secure context
    this.file = file;
    this.name = name;
    this.edits = new Edits(edit);
    this.state = "waiting";
    this.progress = 0;
    this.problem = null;
    this.session = null;
    this.skipped = false;
    this.thumb = "";
    this.images = { before: null, after: null };
    this.outcome = null; // of the last full result
    this.abort = new AbortController();
  }
}

class Shelf extends EventTarget {
  pictures = [];
  current = null;
  saving = 0; // results that are being made for the visitor's disk

  tell(kind, picture) {
    this.dispatchEvent(new CustomEvent(kind, { detail: picture }));
  }

  add(files, edit) {
    const added = files.map(({ file, name, edit: own }) => new Picture(file, name, own || edit));
    this.pictures.push(...added);
    this.tell("list");
    if (!this.current && added.length) this.select(added[0]);
    this.#work();
    return added;
  }

  select(picture) {
    this.current = picture;
    this.tell("select", picture);
  }

  remove(picture) {
    const at = this.pictures.indexOf(picture);
    if (at < 0) return;
    this.pictures.splice(at, 1);
    this.#release(picture);
    this.tell("list");
    if (picture === this.current) this.select(this.pictures[Math.min(at, this.pictures.length - 1)] || null);
  }

  clear() {
    const all = this.pictures.splice(0);
    all.forEach((picture) => this.#release(picture));
    this.tell("list");
    this.select(null);
  }

  cancel(picture) {
    picture.abort.abort();
    this.#state(picture, "cancelled");
  }

  retry(picture) {
    picture.abort = new AbortController();
    picture.problem = null;
    picture.told = false;
    this.#state(picture, "waiting");
    this.#work();
  }

  /** Do something with a picture's session, which is opened anew where the server forgot it. */
  async within(picture, act) {
    for (let tries = 0; ; tries += 1) {
      if (!picture.session) picture.session = await this.#open(picture);
      try {
        return await act(`/v1/sessions/${picture.session.id}`, picture.session);
      } catch (error) {
        if (!(error instanceof Problem && error.code === "not-found") || tries) throw error;
        picture.session = null;
        forgetSessions();
      }
    }
  }

  /** A small copy in the colours that are wished for now. */
  async thumbnail(picture) {
    const { signal } = picture.abort;
    const answer = await this.within(picture, async (at) => ask(`${at}/colorize`, {
      method: "POST", json: { ...await members(picture.edits.now), preview: THUMB }, signal,
    }));
    const blob = await answer.blob();
    picture.skipped = answer.headers.get("X-Status") === "skipped";
    if (picture.thumb) URL.revokeObjectURL(picture.thumb);
    picture.thumb = URL.createObjectURL(blob);
    picture.thumbBlob = blob;
    this.tell("change", picture);
  }

  get isBusy() {
    return this.saving > 0 || this.pictures.some((one) => ["waiting", "sending", "colouring"].includes(one.state));
  }

  #open(picture) {
    return openSession(picture.file, picture.name, {
      signal: picture.abort.signal,
      heard: (share) => { picture.progress = share; this.tell("change", picture); },
    });
  }

  #release(picture) {
    picture.abort.abort();
    if (picture.session) closeSession(picture.session.id);
    for (const url of [picture.thumb, picture.images.before?.url, picture.images.after?.url]) if (url) URL.revokeObjectURL(url);
  }

  #state(picture, state) {
    picture.state = state;
    this.tell("change", picture);
  }

  #work() {
    const busy = this.pictures.filter((one) => one.state === "sending" || one.state === "colouring");
    const waiting = this.pictures.filter((one) => one.state === "waiting");
    for (const picture of waiting.slice(0, Math.max(0, AT_ONCE - busy.length))) this.#process(picture);
  }

  async #process(picture) {
    this.#state(picture, "sending");
    try {
      if (!picture.session) picture.session = await this.#open(picture);
      this.#state(picture, "colouring");
      await this.thumbnail(picture);
      this.#state(picture, "ready");
      this.tell("ready", picture);
    } catch (error) {
      if (picture.abort.signal.aborted) { /* its state is cancelled, or it is gone */ } else {
        picture.problem = error;
        this.#state(picture, "failed");
      }
    }
    this.#work();
  }
}

export const shelf = new Shelf();

addEventListener("pagehide", () => {
  for (const picture of shelf.pictures) {
    if (picture.session) closeSession(picture.session.id);
    picture.session = null;
  }
});
addEventListener("beforeunload", (event) => {
  if (shelf.isBusy) event.preventDefault();
});
