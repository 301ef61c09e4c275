// Everything that takes long, beside the page: the network, the colours, the files.

import { labelled, packet } from "./label.js";
import { lightness, merge } from "./light.js";
import { hex, load, predict } from "./network.js";
import { rowOf, taps, widen } from "./resize.js";

const MOST = 60e6;  // pixels: more than that, and browsers begin to fail
let about, session, coloured, origin;

async function begin(told) {
  about ??= await (await fetch(new URL("../model.json", import.meta.url))).json();
  session ??= load(about, told).catch((error) => {
    session = undefined;
    throw error;
  });
  return session;
}

async function open(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Error("This is not a picture that your browser can read.");
  }
}

async function colour(file, name, told) {
  const bitmap = await open(file), { width, height } = bitmap;
  if (width * height > MOST) throw new Error("This picture has more than 60 megapixels: too many for a browser.");
  const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const pixels = context.getImageData(0, 0, width, height), rgba = pixels.data;
  const light = lightness(rgba);
  const network = await begin(told);
  told(1);
  const { planes, h, w } = await predict(network, about, rgba, height, width);
  const wide = planes.map((plane) => widen(plane, h, w, width));
  const rows = wide.map(() => new Float32Array(width));
  taps(h, height).forEach((tap, y) => {
    rows.forEach((row, channel) => rowOf(wide[channel], width, tap, row));
    merge(rgba, y * width, light, rows[0], rows[1]);
  });
  context.putImageData(pixels, 0, 0);
  coloured = canvas;
  const digest = self.crypto?.subtle ? hex(await crypto.subtle.digest("SHA-256", await file.arrayBuffer())) : "";
  origin = { name, sha256: digest };
  return { width, height, shown: await save("image/png") };
}

async function save(type) {
  const blob = await coloured.convertToBlob({ type, quality: 0.95 });
  return labelled(new Uint8Array(await blob.arrayBuffer()), type, packet(about, origin));
}

self.onmessage = async ({ data: { id, act, file, name, type } }) => {
  const told = (share) => self.postMessage({ id, share });
  try {
    const done = act === "colour" ? await colour(file, name, told) : act === "save" ? await save(type) : await begin(told) && null;
    self.postMessage({ id, done });
  } catch (error) {
    self.postMessage({ id, failed: error.message || String(error) });
  }
};
