// Pictures whose colours another picture should have; each is sent once.

import { asked, newId } from "./edits.js";
import { openSession } from "./server.js";

const known = new Map();

/** Keep a file; the name it goes by in the option `reference` on this page. */
export function keep(file) {
  const key = `reference-${newId()}`;
  known.set(key, { file, url: URL.createObjectURL(file), session: null });
  return key;
}

/** Forget one that cannot be used. */
export function drop(key) {
  const one = known.get(key);
  known.delete(key);
  if (one) URL.revokeObjectURL(one.url);
}

export const find = (key) => known.get(key);

/** The server forgot its sessions, so references are sent again when they are needed. */
export function forgetSessions() {
  for (const one of known.values()) one.session = null;
}

/** The members of a request; a reference becomes the session that it is known by. */
export async function members(edit) {
  const wanted = asked(edit);
  if (wanted.reference === undefined) return wanted;
  const one = known.get(wanted.reference);
  one.session ||= await openSession(one.file, one.file.name);
  return { ...wanted, reference: one.session.id };
}
