"""XMP packets: read defensively, change single properties, write back with everything else kept.

A packet is RDF/XML (ISO 16684-1). The same property may be an attribute of a node, a child
element, or stand in any of several `rdf:Description` nodes, and a structure may be written in
three ways; the functions here know all of them. Packets come from strangers' files, so document
type declarations (and with them every entity attack), deep nesting and huge packets are refused.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

XML = "http://www.w3.org/XML/1998/namespace"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
META = "adobe:ns:meta/"
DC = "http://purl.org/dc/elements/1.1/"
XMP = "http://ns.adobe.com/xap/1.0/"
XMP_MM = "http://ns.adobe.com/xap/1.0/mm/"
ST_EVT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
ST_REF = "http://ns.adobe.com/xap/1.0/sType/ResourceRef#"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
XMP_NOTE = "http://ns.adobe.com/xmp/note/"

PREFIXES: Mapping[str, str] = {
    RDF: "rdf",
    META: "x",
    DC: "dc",
    XMP: "xmp",
    XMP_MM: "xmpMM",
    ST_EVT: "stEvt",
    ST_REF: "stRef",
    IPTC_EXT: "Iptc4xmpExt",
    PHOTOSHOP: "photoshop",
    XMP_NOTE: "xmpNote",
}

MAX_BYTES = 64 << 20
MAX_DEPTH = 100

_DESCRIPTION = f"{{{RDF}}}Description"
_LI = f"{{{RDF}}}li"
_CONTAINERS = tuple(f"{{{RDF}}}{kind}" for kind in ("Seq", "Bag", "Alt"))
_LANG = f"{{{XML}}}lang"
_RDF_ATTRIBUTES = (f"{{{RDF}}}", f"{{{XML}}}")


class BrokenPacketError(ValueError):
    """A packet that is not well-formed XMP, or that is hostile; the message says why."""


@dataclass(frozen=True, eq=False)
class Packet:
    """A parsed packet: the `rdf:RDF` element and the prefixes its author chose."""

    rdf: ET.Element
    prefixes: Mapping[str, str]  # namespace -> prefix


def name(namespace: str, term: str) -> str:
    """The qualified name of `term`, in the form that xml.etree uses."""
    return f"{{{namespace}}}{term}"


def parse(data: bytes) -> Packet:
    """Read a packet.

    Raises:
        BrokenPacketError: not XML, not RDF, with a document type, too deep or too large.
    """
    if len(data) > MAX_BYTES:
        raise BrokenPacketError("larger than 64 MiB")
    if data[:64].count(0) < 8:  # not UTF-16
        data = data.strip(b"\0 \t\r\n")  # TIFF and PNG writers pad
    target = _Target()
    parser = ET.XMLParser(target=target)  # noqa: S314 - _Target refuses document types
    try:
        parser.feed(data)
        root = parser.close()
    except (ET.ParseError, ValueError, LookupError, AssertionError) as error:
        raise BrokenPacketError(str(error) or "not XML") from error
    rdf = root if root.tag == name(RDF, "RDF") else root.find(name(RDF, "RDF"))
    if rdf is None:
        raise BrokenPacketError("no rdf:RDF element")
    return Packet(rdf, target.prefixes)


def empty() -> Packet:
    """A packet without properties."""
    return Packet(ET.Element(name(RDF, "RDF")), {})


def serialize(packet: Packet, *, wrapped: bool = True) -> bytes:
    """The packet in UTF-8, ready to embed; extended XMP goes without the wrapper."""
    prefixes = _unique_prefixes(packet)
    declarations = "".join(
        f" xmlns:{prefix}={_quoted(uri)}"
        for uri, prefix in sorted(prefixes.items(), key=lambda item: item[1])
        if prefix != "xml"
    )
    body = "".join(_write(packet.rdf, prefixes, declarations))
    begin, end = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n',
        '\n<?xpacket end="w"?>',
    )
    content = f'<x:xmpmeta xmlns:x="{META}">\n{body.strip()}\n</x:xmpmeta>'
    return (f"{begin}{content}{end}" if wrapped else content).encode()


def merged(packet: Packet, other: Packet) -> Packet:
    """A packet with the properties that `other` has and it lacks; both are used up."""
    home = _home(packet)
    own = {prop for node in packet.rdf for prop in (*node.attrib, *(child.tag for child in node))}
    for node in other.rdf:
        for prop, value in node.attrib.items():
            if prop not in own and not prop.startswith(_RDF_ATTRIBUTES):
                ET.SubElement(home, prop).text = value
        home.extend(child for child in node if child.tag not in own)
    return Packet(packet.rdf, {**other.prefixes, **packet.prefixes})


def take_largest(packet: Packet, other: Packet, keep: Collection[str]) -> bool:
    """Move the largest property that is not to be kept to another packet; False for none left."""
    sizes = [
        *((len(value), prop) for node in packet.rdf for prop, value in node.attrib.items()),
        *((len(ET.tostring(child)), child.tag) for node in packet.rdf for child in node),
    ]
    movable = [
        (size, prop)
        for size, prop in sizes
        if prop not in keep and not prop.startswith(_RDF_ATTRIBUTES)
    ]
    if not movable:
        return False
    prop, home = max(movable)[1], _home(other)
    for node in packet.rdf:
        if prop in node.attrib:
            ET.SubElement(home, prop).text = node.attrib[prop]
        home.extend(node.findall(prop))
    remove(packet, prop)
    return True


def get_text(packet: Packet, prop: str) -> str | None:
    """The value of a simple property, or None where it is absent or not simple."""
    for node in packet.rdf:
        if (value := node.get(prop)) is not None:
            return value
        if (element := node.find(prop)) is not None:
            return _simple(element)
    return None


def set_text(packet: Packet, prop: str, value: str) -> None:
    """Give a simple property its value, whatever form it had."""
    remove(packet, prop)
    ET.SubElement(_home(packet), prop).text = value


def remove(packet: Packet, prop: str) -> None:
    """Take a property out of every node."""
    for node in packet.rdf:
        node.attrib.pop(prop, None)
        for element in node.findall(prop):
            node.remove(element)


def set_struct(packet: Packet, prop: str, fields: Mapping[str, str]) -> None:
    """Give a property a structure of simple fields."""
    remove(packet, prop)
    _fill(ET.SubElement(_home(packet), prop), fields)


def append_struct(packet: Packet, prop: str, fields: Mapping[str, str]) -> None:
    """Add a structure at the end of an ordered list, which is made where there is none."""
    _fill(ET.SubElement(_container(packet, prop, "Seq"), _LI), fields)


def get_structs(packet: Packet, prop: str) -> Iterator[dict[str, str]]:
    """The structures of a list, each with its simple fields."""
    for node in packet.rdf:
        for element in node.findall(prop):
            for container in element:
                for item in container.findall(_LI):
                    yield dict(_fields(item))


def append_sentence(packet: Packet, prop: str, sentence: str) -> None:
    """Add a sentence to the default text of a language alternative; other texts are kept.

    English texts get the sentence too; a text that has it already is left alone.
    """
    alternatives = _container(packet, prop, "Alt")
    items = alternatives.findall(_LI)
    default = next((item for item in items if item.get(_LANG) == "x-default"), None)
    if default is None:
        default = ET.Element(_LI, {_LANG: "x-default"})
        if items:  # a list without a default: its first text is what readers show
            default.text = _simple(items[0])
        alternatives.insert(0, default)
    for item in alternatives.findall(_LI):
        language = item.get(_LANG, "").lower()
        if item is default or language == "en" or language.startswith("en-"):
            text = (item.text or "").rstrip()
            if sentence not in text:
                item.text = f"{text} {sentence}" if text else sentence


class _Target:
    """Builds the tree, remembers prefixes, refuses what a packet has no use for."""

    def __init__(self) -> None:
        self.prefixes: dict[str, str] = {}
        self._builder = ET.TreeBuilder()
        self._depth = 0

    def doctype(self, *_: object) -> None:
        """Called before any entity is read."""
        raise BrokenPacketError("a document type declaration, which XMP does not have")

    def start_ns(self, prefix: str, uri: str) -> None:
        if prefix:
            self.prefixes.setdefault(uri, prefix)

    def start(self, tag: str, attributes: dict[str, str]) -> ET.Element:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BrokenPacketError(f"nested deeper than {MAX_DEPTH} elements")
        return self._builder.start(tag, attributes)

    def end(self, tag: str) -> ET.Element:
        self._depth -= 1
        return self._builder.end(tag)

    def data(self, text: str) -> None:
        self._builder.data(text)

    def close(self) -> ET.Element:
        return self._builder.close()


def _home(packet: Packet) -> ET.Element:
    """The node that new properties go to; all nodes of a packet describe the same picture."""
    for node in packet.rdf:
        if node.tag == _DESCRIPTION:
            return node
    about = packet.rdf[0].get(name(RDF, "about"), "") if len(packet.rdf) else ""
    return ET.SubElement(packet.rdf, _DESCRIPTION, {name(RDF, "about"): about})


def _container(packet: Packet, prop: str, kind: str) -> ET.Element:
    """The list that a property holds; a plain value becomes the list's first item."""
    for node in packet.rdf:
        for element in node.findall(prop):
            for container in element:
                if container.tag in _CONTAINERS:
                    return container
    plain = get_text(packet, prop)
    remove(packet, prop)
    element = ET.SubElement(_home(packet), prop)
    container = ET.SubElement(element, name(RDF, kind))
    if plain:
        language = {_LANG: "x-default"} if kind == "Alt" else {}
        ET.SubElement(container, _LI, language).text = plain
    return container


def _fill(element: ET.Element, fields: Mapping[str, str]) -> None:
    element.set(name(RDF, "parseType"), "Resource")
    for field, value in fields.items():
        ET.SubElement(element, field).text = value


def _fields(item: ET.Element) -> Iterator[tuple[str, str]]:
    """Simple fields of a structure: attributes, children, or those of a nested Description."""
    for node in (item, *item.findall(_DESCRIPTION)):
        for key, value in node.attrib.items():
            if not key.startswith(_RDF_ATTRIBUTES):
                yield key, value
        for child in node:
            if child.tag != _DESCRIPTION and (text := _simple(child)) is not None:
                yield child.tag, text


def _simple(element: ET.Element) -> str | None:
    """The text of an element, its rdf:resource, or its rdf:value; None for anything richer."""
    if (resource := element.get(name(RDF, "resource"))) is not None:
        return resource
    if (value := element.find(f".//{name(RDF, 'value')}")) is not None:
        return (value.text or "").strip()
    return None if len(element) else (element.text or "").strip()


_PREFIX = re.compile(r"[A-Za-z_][\w.-]*\Z")


def _unique_prefixes(packet: Packet) -> dict[str, str]:
    """One prefix for each namespace in use, the author's where he chose one."""
    chosen: dict[str, str] = {XML: "xml", META: "x"}
    for uri in sorted(_namespaces(packet.rdf) - {XML, META}):
        prefix = packet.prefixes.get(uri) or PREFIXES.get(uri) or "ns"
        if not _PREFIX.match(prefix) or prefix.lower().startswith("xml"):
            prefix = "ns"
        base, number = prefix, 1
        while prefix in chosen.values():
            number += 1
            prefix = f"{base}{number}"
        chosen[uri] = prefix
    return chosen


def _namespaces(element: ET.Element) -> set[str]:
    names: Iterable[str] = (
        key for node in element.iter() for key in (node.tag, *node.attrib) if key.startswith("{")
    )
    return {key[1:].partition("}")[0] for key in names}


def _write(element: ET.Element, prefixes: Mapping[str, str], declarations: str) -> Iterator[str]:
    def short(qualified: str) -> str:
        if not qualified.startswith("{"):
            return qualified
        uri, _, term = qualified[1:].partition("}")
        return f"{prefixes[uri]}:{term}"

    tag = short(element.tag)
    attributes = "".join(f" {short(key)}={_quoted(value)}" for key, value in element.attrib.items())
    yield f"<{tag}{declarations}{attributes}"
    if not element.text and not len(element):
        yield "/>"
    else:
        yield f">{(element.text or '').translate(_TEXT)}"
        for child in element:
            yield from _write(child, prefixes, "")
        yield f"</{tag}>"
    yield (element.tail or "").translate(_TEXT)


def _quoted(value: str) -> str:
    return f'"{value.translate(_ATTRIBUTE)}"'


# xml.sax.saxutils has these too, but importing it imports urllib, ssl and sockets.
#: a carriage return in the source was a character reference; written plainly it would turn into \n
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE = _TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})
