// What a saved picture says of itself: XMP with the IPTC's digital source type, in a PNG or a JPEG.

const PNG_KEY = "XML:com.adobe.xmp\0\0\0\0\0";  // iTXt: keyword, not compressed, no language
const JPEG_KEY = "http://ns.adobe.com/xap/1.0/\0";
const SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";
export const SENTENCE = "The colours were added by an algorithm and are not a record of the original.";

const escaped = (text) => String(text)
  .replace(/[\u0000-\u001f\u007f-\u009f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd")
  .replace(/[&<>"]/g, (one) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[one]);

/** The packet; the same properties that `tinct colorize` writes. */
export function packet(about, { name, sha256 }) {
  const when = `${new Date().toISOString().slice(0, 19)}+00:00`;
  const source = escaped(sha256 ? `sha256:${sha256}` : name), id = crypto.getRandomValues(new Uint8Array(16));
  const instance = `xmp.iid:${Array.from(id, (one) => one.toString(16).padStart(2, "0")).join("")}`;
  const parameters = escaped(`model=${about.name}; model_sha256=${about.sha256}; source=${name}; in=browser`);
  return `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" xmlns:stRef="http://ns.adobe.com/xap/1.0/sType/ResourceRef#" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
<rdf:Description rdf:about="">
<Iptc4xmpExt:DigitalSourceType>${SOURCE}</Iptc4xmpExt:DigitalSourceType>
<Iptc4xmpExt:AISystemUsed>Tinct / ${escaped(about.name)}</Iptc4xmpExt:AISystemUsed>
<Iptc4xmpExt:AISystemVersionUsed>${escaped(about.version)} sha256:${about.sha256.slice(0, 12)}</Iptc4xmpExt:AISystemVersionUsed>
<xmpMM:DerivedFrom rdf:parseType="Resource"><stRef:documentID>${source}</stRef:documentID><stRef:instanceID>${source}</stRef:instanceID><stRef:filePath>${escaped(name)}</stRef:filePath></xmpMM:DerivedFrom>
<xmpMM:DocumentID>${instance.replace("iid", "did")}</xmpMM:DocumentID>
<xmpMM:InstanceID>${instance}</xmpMM:InstanceID>
<xmpMM:OriginalDocumentID>${source}</xmpMM:OriginalDocumentID>
<xmpMM:History><rdf:Seq><rdf:li rdf:parseType="Resource"><stEvt:action>derived</stEvt:action><stEvt:when>${when}</stEvt:when><stEvt:softwareAgent>Tinct ${escaped(about.version)}</stEvt:softwareAgent><stEvt:parameters>${parameters}</stEvt:parameters><stEvt:changed>/colour</stEvt:changed><stEvt:instanceID>${instance}</stEvt:instanceID></rdf:li></rdf:Seq></xmpMM:History>
<xmp:ModifyDate>${when}</xmp:ModifyDate>
<xmp:MetadataDate>${when}</xmp:MetadataDate>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">${SENTENCE}</rdf:li></rdf:Alt></dc:description>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>`;
}

/** The file with the packet in it; the browser's encoder made the file, so its beginning is known. */
export function labelled(file, type, text) {
  const content = new TextEncoder().encode((type === "image/png" ? PNG_KEY : JPEG_KEY) + text);
  const [at, part] = type === "image/png" ? [33, chunk(content)] : [afterJfif(file), segment(content)];
  return new Blob([file.subarray(0, at), part, file.subarray(at)], { type });
}

function chunk(content) {
  const whole = new Uint8Array(content.length + 12), view = new DataView(whole.buffer);
  view.setUint32(0, content.length);
  whole.set(new TextEncoder().encode("iTXt"), 4);
  whole.set(content, 8);
  view.setUint32(content.length + 8, crc(whole.subarray(4, content.length + 8)));
  return whole;
}

function crc(bytes) {
  let sum = ~0;
  for (const one of bytes) {
    sum ^= one;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

function segment(content) {
  const length = content.length + 2;
  return new Uint8Array([0xff, 0xe1, length >> 8, length & 255, ...content]);
}

/** JFIF wants its own segment first. */
function afterJfif(file) {
  return file[2] === 0xff && file[3] === 0xe0 ? 4 + file[4] * 256 + file[5] : 2;
}
