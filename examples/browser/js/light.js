// sRGB and CIELAB (IEC 61966-2-1, CIE 15): the light of a picture, and colour added to it that
// leaves the light alone. Chroma shrinks where the screen has no such colour; hue and light stay.

const TO_XYZ = [
  [0.4124564, 0.3575761, 0.1804375],
  [0.2126729, 0.7151522, 0.072175],
  [0.0193339, 0.119192, 0.9503041],
].map((row) => {
  const sum = row[0] + row[1] + row[2];  // over the white point, so that grey is R = G = B
  return row.map((value) => value / sum);
});
const FROM_XYZ = inverse(TO_XYZ);
const KAPPA = 24389 / 27, EPSILON = 216 / 24389;
const FINE = 65536, OVER = 1e-6, STEPS = 14;

const linear = Float64Array.from({ length: 256 }, (_, code) => {
  const v = code / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
});
const lightOfGrey = linear.map(lightOf);
const codes = Uint8Array.from({ length: FINE + 1 }, (_, at) => {
  const v = at / FINE;
  return Math.round(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055));
});

function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
  const A = e * i - f * h, B = f * g - d * i, C = d * h - e * g, det = a * A + b * B + c * C;
  return [[A, c * h - b * i, b * f - c * e], [B, a * i - c * g, c * d - a * f], [C, b * g - a * h, a * e - b * d]]
    .map((row) => row.map((value) => value / det));
}

function lightOf(y) {
  return y <= EPSILON ? y * KAPPA : 116 * Math.cbrt(y) - 16;
}

function luminanceOf(l) {
  if (l <= 8) return l / KAPPA;
  const t = (l + 16) / 116;
  return t * t * t;
}

/** L* 0..100 of the pixels (RGBA, 8 bits) of a picture. */
export function lightness(rgba) {
  const light = new Float32Array(rgba.length / 4), [r, g, b] = TO_XYZ[1];
  for (let at = 0, from = 0; at < light.length; at++, from += 4) {
    const red = rgba[from], green = rgba[from + 1], blue = rgba[from + 2];
    light[at] = red === green && green === blue
      ? lightOfGrey[red]
      : lightOf(r * linear[red] + g * linear[green] + b * linear[blue]);
  }
  return light;
}

const mixed = new Float64Array(3);

/** Linear R, G, B of a colour into `mixed`; how far inside the screen's gamut it is. */
function mix(l, y, dx, dz) {
  const x = luminanceOf(l + dx), z = luminanceOf(l + dz);
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < 3; i++) {
    const row = FROM_XYZ[i], value = row[0] * x + row[1] * y + row[2] * z;
    mixed[i] = value;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return Math.min(low, 1 + OVER - high);
}

/** Give one row of pixels, from `start` in `rgba`, the a* and b* of `a` and `b`, in place. */
export function merge(rgba, start, light, a, b) {
  for (let at = 0, to = 4 * start; at < a.length; at++, to += 4) {
    const l = Math.min(100, light[start + at]), y = luminanceOf(l);
    const dx = a[at] * (116 / 500), dz = b[at] * (-116 / 200);
    if (mix(l, y, dx, dz) < 0) {
      let inner = 0, outer = 1;
      for (let step = 0; step < STEPS; step++) {
        const middle = (inner + outer) / 2;
        if (mix(l, y, dx * middle, dz * middle) >= 0) inner = middle;
        else outer = middle;
      }
      mix(l, y, dx * inner, dz * inner);
    }
    for (let i = 0; i < 3; i++) {
      rgba[to + i] = codes[Math.round(Math.min(1, Math.max(0, mixed[i])) * FINE)];
    }
  }
}
