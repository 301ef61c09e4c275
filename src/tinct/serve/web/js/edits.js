// What the visitor wants of one picture: options under the names of `tinct colorize`, and hints.

const COALESCE = 1200; // milliseconds within which the same slider makes one step of undo

export const NOTHING = Object.freeze({ options: {}, hints: [] });
/** Of these, one at most can say what colours the picture should have. */
export const PALETTES = ["palette", "reference", "style"];

let next = 1;
export const newId = () => next++;

/** A step forward with other options; undefined takes an option back to its default. */
export function withOptions(edit, changes) {
  const options = { ...edit.options, ...changes };
  for (const [name, value] of Object.entries(options)) if (value === undefined) delete options[name];
  return { ...edit, options };
}

const plain = ({ id, kind, ...rest }) => rest;

/** Hints as a file for `--hints` has them; null where there are none. */
export function hintsOf(edit) {
  if (!edit.hints.length) return null;
  return {
    points: edit.hints.filter((hint) => hint.kind === "point").map(plain),
    strokes: edit.hints.filter((hint) => hint.kind === "stroke").map(plain),
    keep: edit.hints.filter((hint) => hint.kind === "keep").map(plain),
  };
}

/** The members of a request. */
export function asked(edit) {
  const hints = hintsOf(edit);
  return hints ? { ...edit.options, hints } : { ...edit.options };
}

/** A project: a file for `--hints` that also holds the options. */
export function project(edit, name) {
  const { reference, ...options } = edit.options; // a reference is a picture, and stays one
  const hints = hintsOf(edit) || { points: [], strokes: [], keep: [] };
  return JSON.stringify({ ...hints, tinct: { v: 1, picture: name, options } }, null, 1);
}

/** What a project or a file of hints holds; throws where it is neither. */
export function readProject(text) {
  const given = JSON.parse(text);
  const hints = [];
  const share = (value) => Number.isFinite(value) && value >= 0 && value <= 1;
  const chroma = (one) => Array.isArray(one.ab) ? { ab: one.ab } : { color: one.color };
  for (const one of given.points || []) {
    if (!share(one.x) || !share(one.y) || !isColour(one)) throw new TypeError("points");
    hints.push({ id: newId(), kind: "point", x: one.x, y: one.y, ...chroma(one) });
  }
  const drawn = (one) => Array.isArray(one.path) && one.path.length && one.path.flat().every(share);
  for (const one of given.strokes || []) {
    if (!drawn(one) || !isColour(one)) throw new TypeError("strokes");
    hints.push({ id: newId(), kind: "stroke", path: one.path, width: one.width ?? 0.01, ...chroma(one) });
  }
  for (const one of given.keep || []) {
    if (!drawn(one)) throw new TypeError("keep");
    hints.push({ id: newId(), kind: "keep", path: one.path, width: one.width ?? 0.01 });
  }
  if (![given.points, given.strokes, given.keep].some(Array.isArray)) throw new TypeError("hints");
  const { reference, hints: _, ...options } = given.tinct?.options || {};
  return { options, hints };
}

const isColour = (one) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(one.color || "")
  || (Array.isArray(one.ab) && one.ab.length === 2 && one.ab.every(Number.isFinite));

/** Steps forward and back. */
export class Edits {
  constructor(edit = NOTHING) {
    this.now = edit;
    this.past = [];
    this.future = [];
    this.last = { kind: "", time: 0 };
  }

  /** A step forward; steps of the same `kind` shortly after each other are one. */
  change(edit, kind = "") {
    const time = performance.now();
    const same = kind && kind === this.last.kind && time - this.last.time < COALESCE;
    if (!same) this.past.push(this.now);
    this.last = { kind, time };
    this.now = edit;
    this.future = [];
  }

  undo() {
    if (!this.past.length) return false;
    this.future.push(this.now);
    this.now = this.past.pop();
    this.last.kind = "";
    return true;
  }

  redo() {
    if (!this.future.length) return false;
    this.past.push(this.now);
    this.now = this.future.pop();
    this.last.kind = "";
    return true;
  }
}
