// A zip archive of files that need no compression (PKWARE APPNOTE 6.3, method 0, names in UTF-8).

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest >>> 0;
});
const LIMIT = 0xffffffff;

function crc32(bytes) {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = TABLE[(rest ^ byte) & 255] ^ (rest >>> 8);
  return (rest ^ 0xffffffff) >>> 0;
}

/** Names that no two files share: `a.jpg`, `a (2).jpg`. */
export function distinct(names) {
  const taken = new Set();
  return names.map((name) => {
    const dot = name.lastIndexOf(".");
    const [stem, end] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
    let free = name;
    for (let at = 2; taken.has(free.toLowerCase()); at += 1) free = `${stem} (${at})${end}`;
    taken.add(free.toLowerCase());
    return free;
  });
}

function record(signature, parts) {
  const size = parts.reduce((sum, [bytes]) => sum + bytes, 4);
  const view = new DataView(new ArrayBuffer(size));
  view.setUint32(0, signature, true);
  let at = 4;
  for (const [bytes, value] of parts) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

/** One archive of `[{name, blob}]`, of at most 4 GB. */
export async function zipped(files, time = new Date()) {
  const stamp = [
    [2, (time.getHours() << 11) | (time.getMinutes() << 5) | (time.getSeconds() >> 1)],
    [2, (Math.max(0, time.getFullYear() - 1980) << 9) | ((time.getMonth() + 1) << 5) | time.getDate()],
  ];
  const names = distinct(files.map((file) => file.name.replace(/[\\/]/g, "_")));
  const parts = [];
  const entries = [];
  let offset = 0;
  for (const [at, { blob }] of files.entries()) {
    const name = new TextEncoder().encode(names[at]);
    const sum = crc32(new Uint8Array(await blob.arrayBuffer()));
    const known = [[2, 20], [2, 0x0800], [2, 0], ...stamp, [4, sum], [4, blob.size], [4, blob.size], [2, name.length], [2, 0]];
    const head = record(0x04034b50, known);
    entries.push(record(0x02014b50, [[2, 20], ...known, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), name);
    parts.push(head, name, blob);
    offset += head.length + name.length + blob.size;
    if (offset > LIMIT) throw new RangeError("4 GB");
  }
  const length = entries.reduce((sum, one) => sum + one.length, 0);
  const end = record(0x06054b50, [[2, 0], [2, 0], [2, files.length], [2, files.length], [4, length], [4, offset], [2, 0]]);
  return new Blob([...parts, ...entries, end], { type: "application/zip" });
}
