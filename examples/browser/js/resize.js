// Planes of floats at another size: bicubic (Keys, a = -1/2) or Lanczos of three lobes, widened where
// a plane shrinks, with weights renormalised at the edges. The same sums as tinct/resample.py.

const bicubic = (d) => (d < 1 ? (1.5 * d - 2.5) * d * d + 1 : d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0);
const sinc = (x) => (x ? Math.sin(Math.PI * x) / (Math.PI * x) : 1);
export const lanczos = (d) => (d < 3 ? sinc(d) * sinc(d / 3) : 0);

/** For each of `target` samples the first source sample and the weights from there on. */
export function taps(source, target, kernel = bicubic) {
  const scale = source / target, wide = Math.max(scale, 1), reach = (kernel === lanczos ? 3 : 2) * wide;
  return Array.from({ length: target }, (_, at) => {
    const centre = (at + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach));
    const last = Math.min(source, Math.floor(centre + reach) + 2);
    const weights = new Float64Array(last - first);
    let sum = 0;
    for (let one = first; one < last; one++) {
      const weight = kernel(Math.abs(one + 0.5 - centre) / wide);
      weights[one - first] = weight;
      sum += weight;
    }
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/** A plane of h rows and w columns at its final width. */
export function widen(plane, h, w, width, kernel = bicubic) {
  const wide = new Float32Array(h * width), across = taps(w, width, kernel);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < width; x++) {
      const { first, weights } = across[x];
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * plane[y * w + first + k];
      wide[y * width + x] = sum;
    }
  }
  return wide;
}

/** One row of a plane that has its final width already, into `row`. */
export function rowOf(wide, width, { first, weights }, row) {
  row.fill(0);
  for (let k = 0; k < weights.length; k++) {
    const weight = weights[k], from = (first + k) * width;
    if (weight) for (let x = 0; x < width; x++) row[x] += weight * wide[from + x];
  }
}

/** A plane at another size. */
export function resize(plane, h, w, height, width, kernel = bicubic) {
  const wide = widen(plane, h, w, width, kernel), out = new Float32Array(height * width);
  taps(h, height, kernel).forEach((tap, y) => rowOf(wide, width, tap, out.subarray(y * width, (y + 1) * width)));
  return out;
}
