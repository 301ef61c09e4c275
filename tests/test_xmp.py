"""XMP packets: every way of writing a property, hostile packets, nothing lost."""

from __future__ import annotations

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinct.provenance import xmp
from tinct.provenance.xmp import BrokenPacketError, name

HEAD = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" '
    'xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" '
    'xmlns:a="urn:a#">'
)
TAIL = "</rdf:RDF></x:xmpmeta>"
A = name("urn:a#", "p")


def packet(body: str) -> bytes:
    return (HEAD + body + TAIL).encode()


@pytest.mark.parametrize(
    "body",
    [
        '<rdf:Description rdf:about="" a:p="v"/>',
        "<rdf:Description><a:p>v</a:p></rdf:Description>",
        '<rdf:Description><a:p rdf:resource="v"/></rdf:Description>',
        "<rdf:Description/><rdf:Description><a:p> v </a:p></rdf:Description>",
        "<rdf:Description><a:p><rdf:Description><rdf:value>v</rdf:value><a:q>w</a:q>"
        "</rdf:Description></a:p></rdf:Description>",
    ],
)
def test_a_simple_property_is_found_however_it_is_written(body: str) -> None:
    parsed = xmp.parse(packet(body))
    assert xmp.get_text(parsed, A) == "v"
    xmp.set_text(parsed, A, "new")
    again = xmp.parse(xmp.serialize(parsed))
    assert xmp.get_text(again, A) == "new"
    assert b">v<" not in xmp.serialize(parsed)
    assert b'"v"' not in xmp.serialize(parsed)


EVENT = name(xmp.XMP_MM, "History")


@pytest.mark.parametrize(
    "item",
    [
        '<rdf:li stEvt:action="saved" stEvt:when="then"/>',
        '<rdf:li rdf:parseType="Resource"><stEvt:action>saved</stEvt:action>'
        "<stEvt:when>then</stEvt:when></rdf:li>",
        "<rdf:li><rdf:Description><stEvt:action>saved</stEvt:action>"
        "<stEvt:when>then</stEvt:when></rdf:Description></rdf:li>",
    ],
)
def test_structures_are_read_however_they_are_written_and_ours_follows(item: str) -> None:
    body = f"<rdf:Description><xmpMM:History><rdf:Seq>{item}</rdf:Seq></xmpMM:History>"
    parsed = xmp.parse(packet(body + "</rdf:Description>"))
    xmp.append_struct(parsed, EVENT, {name(xmp.ST_EVT, "action"): "derived"})
    events = list(xmp.get_structs(xmp.parse(xmp.serialize(parsed)), EVENT))
    assert events == [
        {name(xmp.ST_EVT, "action"): "saved", name(xmp.ST_EVT, "when"): "then"},
        {name(xmp.ST_EVT, "action"): "derived"},
    ]


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"not xml",
        b"<a><b></a>",
        b"<x xmlns='urn:x'/>",
        b"<x:xmpmeta/>",
        b"\xff\xfe<\0x",
        b"<?xml version='1.0' encoding='no-such'?><a/>",
        b"<!DOCTYPE r [<!ENTITY a 'b'>]>" + packet("<rdf:Description>&a;</rdf:Description>"),
        b"<!DOCTYPE r SYSTEM 'file:///etc/passwd'>" + packet(""),
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE r [<!ENTITY a "b">]><r/>'.encode(
            "utf-16"
        ),
        packet("<rdf:Description>&undefined;</rdf:Description>"),
        packet("<rdf:Description><nobody:p>v</nobody:p></rdf:Description>"),
        packet("<a:p>" * 5000 + "</a:p>" * 5000),
    ],
)
def test_broken_and_hostile_packets_are_refused(hostile: bytes) -> None:
    with pytest.raises(BrokenPacketError):
        xmp.parse(hostile)


@given(st.binary(max_size=200))
def test_no_bytes_whatever_do_anything_but_parse_or_be_refused(data: bytes) -> None:
    for candidate in (data, packet("<rdf:Description/>")[:-20] + data):
        with contextlib.suppress(BrokenPacketError):
            xmp.parse(candidate)


TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n<>&\"'"),
    max_size=40,
)
TERMS = st.text(string.ascii_letters, min_size=1, max_size=8)


@given(
    st.dictionaries(TERMS, TEXT, max_size=5),
    st.dictionaries(TERMS, TEXT, max_size=5),
    st.sampled_from(["utf-8", "utf-16"]),
)
def test_every_property_survives_being_written_and_read(
    as_attributes: dict[str, str], as_elements: dict[str, str], encoding: str
) -> None:
    original = xmp.empty()
    for term, value in as_elements.items():
        xmp.set_text(original, name("urn:b#", term), value)
    for term, value in as_attributes.items():
        xmp.set_text(original, name("urn:c#", term), "")
        node = original.rdf[0]
        xmp.remove(original, name("urn:c#", term))
        node.set(name("urn:c#", term), value)
    data = xmp.serialize(original).decode("utf-8").lstrip("\ufeff").encode(encoding)
    again = xmp.parse(data)
    for term, value in as_elements.items():
        assert xmp.get_text(again, name("urn:b#", term)) == value.strip()
    for term, value in as_attributes.items():
        assert xmp.get_text(again, name("urn:c#", term)) == value


def test_prefixes_of_the_author_are_kept_and_clashes_resolved() -> None:
    body = (
        '<rdf:Description xmlns:mine="urn:1#" mine:p="1">'
        '<a:q xmlns:mine="urn:2#" mine:p="2">x</a:q></rdf:Description>'
    )
    data = xmp.serialize(xmp.parse(packet(body)))
    assert b'xmlns:mine="urn:1#"' in data
    assert b'xmlns:mine2="urn:2#"' in data
    assert xmp.serialize(xmp.parse(data)) == data


def test_padding_and_a_missing_wrapper_do_no_harm() -> None:
    bare = packet('<rdf:Description a:p="v"/>')
    bare = bare[bare.index(b"<rdf:RDF") : bare.index(b"</x:xmpmeta>")]
    assert xmp.get_text(xmp.parse(b"\0\n" + bare + b" \n\0\0"), A) == "v"
    wrapped = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>' + bare
    assert xmp.get_text(xmp.parse(wrapped + b"<?xpacket end='w'?>" + b" " * 2048), A) == "v"


DESCRIPTION = name(xmp.DC, "description")


@pytest.mark.parametrize(
    ("before", "texts"),
    [
        ("", {"x-default": "Said."}),
        ("<dc:description>Old.</dc:description>", {"x-default": "Old. Said."}),
        (
            '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">Old.</rdf:li>'
            '<rdf:li xml:lang="de">Alt.</rdf:li><rdf:li xml:lang="en-GB">Old.</rdf:li></rdf:Alt>'
            "</dc:description>",
            {"x-default": "Old. Said.", "de": "Alt.", "en-GB": "Old. Said."},
        ),
        (
            '<dc:description><rdf:Alt><rdf:li xml:lang="fr">Vieux.</rdf:li></rdf:Alt>'
            "</dc:description>",
            {"x-default": "Vieux. Said.", "fr": "Vieux."},
        ),
    ],
)
def test_a_sentence_is_added_once_and_texts_stay(before: str, texts: dict[str, str]) -> None:
    parsed = xmp.parse(packet(f"<rdf:Description>{before}</rdf:Description>"))
    for _ in range(2):
        xmp.append_sentence(parsed, DESCRIPTION, "Said.")
        parsed = xmp.parse(xmp.serialize(parsed))
    items = parsed.rdf.iter(name(xmp.RDF, "li"))
    assert {item.get(name(xmp.XML, "lang")): item.text for item in items} == texts
