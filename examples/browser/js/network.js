// The network, run by onnxruntime-web: lightness in, a small map of a* and b* out.

import * as ort from "../ort/ort.wasm.min.mjs";
import { lightness } from "./light.js";
import { lanczos, resize } from "./resize.js";

/** What the page was built with, and a session of its network. */
export async function load(about, told) {
  ort.env.wasm.wasmPaths = new URL("../ort/", import.meta.url).href;
  // threads share memory, which browsers allow to isolated pages alone (COOP and COEP headers)
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
  const file = await fetched(new URL(`../${about.file}`, import.meta.url), about.bytes, told);
  if (self.crypto?.subtle) {  // over plain http, but for localhost, there is none
    const digest = hex(await crypto.subtle.digest("SHA-256", file));
    if (digest !== about.sha256) throw new Error("The network's file is damaged. Load the page again.");
  }
  return ort.InferenceSession.create(file, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
}

async function fetched(url, bytes, told) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`The network cannot be had: the server answers ${answer.status}.`);
  const file = new Uint8Array(bytes), reader = answer.body.getReader();
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > bytes) throw new Error("The network's file is damaged. Load the page again.");
    file.set(value, at);
    at += value.length;
    told(at / bytes);
  }
  return file;
}

export const hex = (buffer) => Array.from(new Uint8Array(buffer), (one) => one.toString(16).padStart(2, "0")).join("");

/** Half to even, as Python rounds. */
function round(value) {
  return value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);
}

/** Height and width at which the network sees a picture. */
export function workingShape(height, width, about) {
  const scale = Math.min(about.working_size / Math.min(height, width), about.largest_side / Math.max(height, width));
  return [height, width].map((side) => Math.max(about.multiple, about.reduction * round((side * scale) / about.reduction)));
}

/** Where sample `at` of a row that goes on as its mirror image lies among `count`. */
function mirrored(at, count) {
  if (count === 1) return 0;
  const turn = at % (2 * (count - 1));
  return turn < count ? turn : 2 * (count - 1) - turn;
}

/** A smaller copy of a picture (RGBA), its shorter side that of the network; never larger. */
function preview(rgba, height, width, side) {
  const scale = side / Math.min(height, width);
  if (scale >= 1) return [rgba, height, width];
  const [h, w] = [height, width].map((one) => Math.max(1, Math.round(one * scale)));
  const small = new Uint8ClampedArray(4 * h * w), plane = new Float32Array(height * width);
  for (let channel = 0; channel < 3; channel++) {
    for (let at = 0; at < plane.length; at++) plane[at] = rgba[4 * at + channel];
    const values = resize(plane, height, width, h, w, lanczos);
    for (let at = 0; at < values.length; at++) small[4 * at + channel] = values[at];  // rounds, clamps
  }
  return [small, h, w];
}

/** a* and b* of a picture (RGBA), two planes of h rows and w columns. */
export async function predict(session, about, rgba, height, width) {
  const [small8, smallHeight, smallWidth] = preview(rgba, height, width, about.working_size);
  const [rows, columns] = workingShape(smallHeight, smallWidth, about);
  const seen = resize(lightness(small8), smallHeight, smallWidth, rows, columns);
  const [H, W] = [rows, columns].map((side) => Math.ceil(side / about.multiple) * about.multiple);
  const padded = new Float32Array(H * W);
  for (let y = 0; y < H; y++) {
    for (let x = 0; x < W; x++) padded[y * W + x] = seen[mirrored(y, rows) * columns + mirrored(x, columns)];
  }
  const [small, narrow] = [H, W].map((side) => side / about.reduction);
  const feeds = {
    lightness: new ort.Tensor("float32", padded, [1, 1, H, W]),
    temperature: new ort.Tensor("float32", [about.temperature], []),
    hints: new ort.Tensor("float32", new Float32Array(3 * small * narrow), [1, 3, small, narrow]),
    palette: new ort.Tensor("float32", new Float32Array(about.bins), [1, about.bins]),
  };
  const wanted = Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]]));
  const { chroma } = await session.run(wanted, ["chroma"]);
  const h = rows / about.reduction, w = columns / about.reduction;
  const planes = [0, 1].map((channel) => {
    const plane = new Float32Array(h * w);
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) plane[y * w + x] = about.gain * chroma.data[(channel * small + y) * narrow + x];
    }
    return plane;
  });
  return { planes, h, w };
}
