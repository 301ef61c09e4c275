"""Promise 3: the result says what it is; and what the user wrote stays."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinct import provenance
from tinct.errors import UsageError
from tinct.provenance import Step, is_ours, label, problem, sidecar, sidecar_path, xmp
from tinct.provenance.xmp import name
from tinct.version import __version__

STEP = Step(
    model="tiny.test",
    model_version="1",
    sha256_model="a" * 64,
    sha256_in="b" * 64,
    file_name="grandmother.jpg",
    options={"saturation": "0.8"},
    when="2026-01-02T03:04:05+00:00",
)

MUSEUM = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 6.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
    xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
    xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
    xmlns:iptc="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmp:CreatorTool="Scanner 9" xmp:Rating="4" photoshop:ColorMode="1"
    xmp:ModifyDate="1999-01-01T00:00:00Z"
    xmpMM:DocumentID="xmp.did:doc" xmpMM:InstanceID="xmp.iid:inst"
    xmpMM:OriginalDocumentID="xmp.did:first"
    iptc:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm">
   <xmpMM:History><rdf:Seq>
     <rdf:li stEvt:action="created" stEvt:softwareAgent="Scanner 9"/>
   </rdf:Seq></xmpMM:History>
   <xmp:Thumbnails><rdf:Alt><rdf:li>/9j/grey</rdf:li></rdf:Alt></xmp:Thumbnails>
  </rdf:Description>
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/"
    plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED">
   <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">\xc2\xa9 Museum</rdf:li></rdf:Alt></dc:rights>
   <dc:creator><rdf:Seq><rdf:li>A. Maker</rdf:li></rdf:Seq></dc:creator>
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">A bridge.</rdf:li></rdf:Alt>
   </dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def read(data: bytes, namespace: str, term: str) -> str | None:
    return xmp.get_text(xmp.parse(data), name(namespace, term))


@pytest.mark.parametrize("source", [None, b"", MUSEUM, b"broken <"])
def test_the_result_says_what_it_is(source: bytes | None) -> None:
    data = label(source, STEP)
    assert read(data, xmp.IPTC_EXT, "DigitalSourceType") == (
        "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    )
    assert read(data, xmp.IPTC_EXT, "AISystemUsed") == "Tinct / tiny.test"
    assert read(data, xmp.IPTC_EXT, "AISystemVersionUsed") == f"{__version__} sha256:{'a' * 12}"
    assert is_ours(data)
    assert not is_ours(source)
    assert not problem(data)


def test_the_packet_is_what_other_readers_expect() -> None:
    text = label(None, STEP).decode()
    assert text.startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>')
    assert text.endswith('<?xpacket end="w"?>')
    assert 'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"' in text
    assert "<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/" in text
    root = ET.fromstring(text)
    assert root.tag == "{adobe:ns:meta/}xmpmeta"


def test_nothing_of_the_users_is_erased() -> None:
    data = label(MUSEUM, STEP)
    assert read(data, xmp.XMP, "CreatorTool") == "Scanner 9"
    assert read(data, xmp.XMP, "Rating") == "4"
    assert read(data, "http://ns.useplus.org/ldf/xmp/1.0/", "DataMining") == (
        "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"
    )
    text = data.decode()
    for kept in ("© Museum", "A. Maker", "A bridge.", "Scanner 9"):
        assert kept in text
    assert "A bridge. The colours were added by an algorithm" in text
    assert "The colours" not in label(MUSEUM, STEP, sentence=None).decode()
    assert "negativeFilm" in text  # in the history: how the original was made


def test_what_would_be_untrue_of_the_coloured_picture_goes() -> None:
    data = label(MUSEUM, STEP)
    assert b"Thumbnails" not in data
    assert read(data, xmp.PHOTOSHOP, "ColorMode") == "3"
    assert read(data, xmp.XMP, "ModifyDate") == STEP.when
    assert read(data, xmp.XMP, "MetadataDate") == STEP.when


def test_identity_and_history() -> None:
    packet = xmp.parse(label(MUSEUM, STEP))
    assert xmp.get_text(packet, name(xmp.XMP_MM, "OriginalDocumentID")) == "xmp.did:first"
    document = xmp.get_text(packet, name(xmp.XMP_MM, "DocumentID"))
    instance = xmp.get_text(packet, name(xmp.XMP_MM, "InstanceID"))
    assert document != "xmp.did:doc"
    assert instance != "xmp.iid:inst"
    source = packet.rdf.find(f".//{name(xmp.XMP_MM, 'DerivedFrom')}")
    assert source is not None
    assert {field.tag.partition("}")[2]: field.text for field in source} == {
        "documentID": "xmp.did:doc",
        "instanceID": "xmp.iid:inst",
        "originalDocumentID": "xmp.did:first",
        "filePath": "grandmother.jpg",
    }
    first, ours = xmp.get_structs(packet, name(xmp.XMP_MM, "History"))
    assert first[name(xmp.ST_EVT, "action")] == "created"
    assert ours[name(xmp.ST_EVT, "action")] == "derived"
    assert ours[name(xmp.ST_EVT, "when")] == STEP.when
    assert ours[name(xmp.ST_EVT, "softwareAgent")] == f"Tinct {__version__}"
    assert ours[name(xmp.ST_EVT, "instanceID")] == instance
    assert f"source_sha256={STEP.sha256_in}" in ours[name(xmp.ST_EVT, "parameters")]
    assert "saturation=0.8" in ours[name(xmp.ST_EVT, "parameters")]


def test_a_source_without_ids_is_named_by_its_hash() -> None:
    data = label(None, STEP)
    assert read(data, xmp.XMP_MM, "OriginalDocumentID") == f"sha256:{STEP.sha256_in}"


def test_the_same_step_gives_the_same_bytes() -> None:
    assert label(MUSEUM, STEP) == label(MUSEUM, STEP)


def test_colouring_again_replaces_our_name_and_keeps_the_others() -> None:
    other = xmp.parse(MUSEUM)
    xmp.set_text(other, name(xmp.IPTC_EXT, "AISystemUsed"), "Upscaler / x")
    xmp.set_text(other, name(xmp.IPTC_EXT, "AISystemVersionUsed"), "7")
    once = label(xmp.serialize(other), STEP)
    twice = label(once, STEP)
    for data in (once, twice):
        assert read(data, xmp.IPTC_EXT, "AISystemUsed") == "Upscaler / x; Tinct / tiny.test"
        assert (read(data, xmp.IPTC_EXT, "AISystemVersionUsed") or "").startswith("7; ")
    assert len(list(xmp.get_structs(xmp.parse(twice), name(xmp.XMP_MM, "History")))) == 3
    assert twice.decode().count(provenance.SENTENCE) == 1


def test_our_event_in_the_history_is_enough_to_know_our_own() -> None:
    packet = xmp.parse(label(None, STEP))
    xmp.remove(packet, name(xmp.IPTC_EXT, "AISystemUsed"))
    assert is_ours(xmp.serialize(packet))


@pytest.mark.parametrize("broken", [b"<", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"\0\0"])
def test_a_broken_packet_is_left_out_and_reported(broken: bytes) -> None:
    assert "left out" in (problem(broken) or "")
    assert label(broken, STEP) == label(None, STEP)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_file_name_and_option_can_be_recorded(file_name: str, value: str) -> None:
    step = Step(
        model="m",
        model_version="1",
        sha256_model="0" * 64,
        sha256_in="1" * 64,
        file_name=file_name + "\udc80\x00\x1b",
        options={"k": value},
        when=STEP.when,
    )
    assert is_ours(label(MUSEUM, step))


def test_the_source_type_can_be_chosen_among_the_true_ones() -> None:
    data = label(None, STEP, source_type="algorithmicallyEnhanced")
    assert (read(data, xmp.IPTC_EXT, "DigitalSourceType") or "").endswith(
        "/algorithmicallyEnhanced"
    )
    with pytest.raises(UsageError):
        label(None, STEP, source_type="digitalCapture")


def test_source_date_epoch_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert provenance.timestamp() == "1970-01-02T00:00:00+00:00"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UsageError):
        provenance.timestamp()
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert provenance.timestamp().endswith("+00:00")


def test_the_sidecar_is_the_full_record(tmp_path: Path) -> None:
    record = sidecar(
        STEP,
        output=tmp_path / "x.colorized.jpg",
        sha256_out="c" * 64,
        measured={"max_delta_lightness": 0.2},
        warnings=["w"],
    )
    assert json.loads(json.dumps(record)) == record
    assert record["input"] == {"name": "grandmother.jpg", "sha256": "b" * 64}
    assert record["output"] == {"name": "x.colorized.jpg", "sha256": "c" * 64}
    assert record["digital_source_type"] == provenance.COMPOSITE
    assert sidecar_path(Path("d/x.colorized.jpg")) == Path("d/x.colorized.jpg.json")
