// The HTTP API of the server that this page came from; nothing else is ever asked.

const KEPT = "tinct.token";
const PATIENCE = 6; // times that a busy server is asked again

/** What the server answers when something is wrong (RFC 9457). */
export class Problem extends Error {
  constructor(status, members) {
    super(members.detail || members.title || String(status));
    this.status = status;
    this.code = members.code || "error";
    this.remedy = members.remedy || "";
  }
}

let askForToken = async () => null;

/** Who asks the visitor for the server's token: gives it, or null. */
export function tokensFrom(ask) {
  askForToken = ask;
}

function authorization() {
  const token = sessionStorage.getItem(KEPT);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function gotToken() {
  const token = await askForToken();
  if (token) sessionStorage.setItem(KEPT, token);
  return Boolean(token);
}

const pause = (seconds, signal) => new Promise((go, stop) => {
  const timer = setTimeout(go, 1000 * seconds);
  signal?.addEventListener("abort", () => { clearTimeout(timer); stop(signal.reason); }, { once: true });
});

async function problemOf(answer) {
  const members = await answer.json().catch(() => ({ detail: answer.statusText }));
  return new Problem(answer.status, members);
}

/** An answer that went well. A busy server is asked again after a while. */
export async function ask(path, { method = "GET", json, signal, headers = {}, keepalive = false } = {}) {
  const body = json === undefined ? undefined : JSON.stringify(json);
  const kind = body === undefined ? {} : { "Content-Type": "application/json" };
  for (let tries = 0; ; tries += 1) {
    const answer = await fetch(path, {
      method, body, signal, keepalive, headers: { ...kind, ...headers, ...authorization() },
    });
    if (answer.ok) return answer;
    if (answer.status === 401 && await gotToken()) continue;
    const wait = Number(answer.headers.get("Retry-After") || 1);
    if (answer.status !== 429 || tries >= PATIENCE) throw await problemOf(answer);
    await pause(wait, signal);
  }
}

export const asJson = async (path, options) => (await ask(path, options)).json();
export const asBlob = async (path, options) => (await ask(path, options)).blob();

/** Send a picture once; `heard` is told how much of it has been sent, 0 to 1. */
export async function openSession(file, name, { signal, heard = () => {} } = {}) {
  for (let tries = 0; ; tries += 1) {
    const { status, text, retry } = await upload(file, name, signal, heard);
    if (status === 201) return JSON.parse(text);
    if (status === 401 && await gotToken()) continue;
    if (status !== 429 || tries >= PATIENCE) {
      let members = { detail: text };
      try { members = JSON.parse(text); } catch { /* a proxy's own words */ }
      throw new Problem(status, members);
    }
    await pause(retry, signal);
  }
}

// fetch does not say how much has been sent
function upload(file, name, signal, heard) {
  return new Promise((go, stop) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/sessions");
    for (const [header, value] of Object.entries(authorization())) request.setRequestHeader(header, value);
    request.upload.onprogress = (event) => event.lengthComputable && heard(event.loaded / event.total);
    request.onload = () => go({
      status: request.status, text: request.responseText,
      retry: Number(request.getResponseHeader("Retry-After") || 1),
    });
    request.onerror = () => stop(new TypeError("network"));
    request.onabort = () => stop(new DOMException("", "AbortError"));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    if (signal?.aborted) { stop(new DOMException("", "AbortError")); return; }
    const form = new FormData();
    form.append("picture", file, name);
    request.send(form);
  });
}

export function closeSession(id) {
  ask(`/v1/sessions/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
}

/** The name in a Content-Disposition header. */
export function nameOf(answer) {
  const found = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("Content-Disposition") || "");
  return found ? decodeURIComponent(found[1]) : "picture";
}
