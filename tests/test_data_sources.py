"""The registry, and the interfaces of museums and the like, played by a local server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.misbehaving import Server, picture, running
from tinct.cli import run
from tinct.datasets import openimages
from tinct.datasets.answers import Failed, check_address
from tinct.datasets.get import Options, get
from tinct.datasets.keys import kaggle
from tinct.datasets.listing import Origin
from tinct.datasets.manifest import Row, read_manifest
from tinct.datasets.sources import SOURCES, find_source
from tinct.datasets.wanted import Wanted
from tinct.datasets.web import Web
from tinct.datasets.whole import fetch_whole
from tinct.errors import InputError, UsageError


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    for name in ("TINCT_OFFLINE", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TINCT_CACHE", str(tmp_path / "cache"))
    with running() as started:
        yield started


@pytest.fixture
def client() -> Iterator[Web]:
    with Web(tries=2, wait=lambda _: None) as opened:
        yield opened


def ask(name: str, client: Web, server: Server, words: str = "", known: str = "") -> list[Wanted]:
    module, _, function = SOURCES[name].listing.partition(":")
    asked = getattr(import_module(f"tinct.datasets.{module}"), function)
    return list(asked(client, server.url("/"), words, lambda key: key == known))


def query(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def test_the_registry_says_all_that_is_to_be_known() -> None:
    assert set(SOURCES) >= {
        *("best-artworks", "art-images", "vgg-paintings", "linnaeus-5", "cifar-10", "cryptopunks"),
        *("url-list", "open-images", "met", "artic", "rijksmuseum", "commons", "pexels", "pixabay"),
    }
    for name, source in SOURCES.items():
        assert name == source.name == find_source(name).name
        for field in ("title", "licence", "size", "citation", "homepage", "access", "checksum"):
            assert getattr(source, field), (name, field)
        assert source.url.startswith("https://") or source.kind == "list"
        assert bool(re.fullmatch(r"[0-9a-f]{64}", source.sha256)) == (
            "sha256, as" in source.checksum
        )
        assert bool(source.listing) == (source.kind == "interface") == (source.usual is not None)
        if source.listing:
            module, _, function = source.listing.partition(":")
            assert callable(getattr(import_module(f"tinct.datasets.{module}"), function))
            assert urlsplit(source.url).netloc in source.hosts


def test_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "sources", "list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(SOURCES)
    assert run(["data", "sources", "show", "cifar-10"]) == 0
    out = capsys.readouterr().out
    assert SOURCES["cifar-10"].sha256 in out
    assert "citation: A. Krizhevsky" in out
    assert run(["data", "sources", "show", "artic", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hosts"]["api.artic.edu"]["pause"] >= 1
    assert run(["data", "sources", "show", "cifar"]) == 2
    assert "did you mean 'cifar-10'?" in capsys.readouterr().err


def test_the_met(server: Server, client: Web) -> None:
    work = {
        **{"isPublicDomain": True, "primaryImageSmall": "https://i.org/small.jpg"},
        **{"primaryImage": "https://i.org/large.jpg", "classification": "Paintings"},
        **{
            "artistDisplayName": "Claude Monet",
            "title": "Haystacks",
            "objectURL": "https://m.org/1",
        },
        **{"objectBeginDate": 1890, "objectEndDate": 1891},
    }
    works: dict[int, dict[str, Any]] = dict.fromkeys(range(1, 104), work)
    works[2] = {**work, "isPublicDomain": False}
    works[3] = {**work, "classification": "Textiles"}
    works[4] = {**work, "primaryImage": "", "primaryImageSmall": ""}

    def search(path: str) -> object:
        asked = query(path)
        assert (asked["medium"], asked["hasImages"], asked["q"]) == ("Paintings", "true", "monet")
        offset, limit = int(asked["offset"]), int(asked["limit"])
        return {"total": 104, "objectIDs": list(range(1, 105))[offset : offset + limit]}

    server.answers["/v1.1/search"] = search
    for number, about in works.items():
        server.answers[f"/v1/objects/{number}"] = lambda _, about=about: about  # type: ignore[misc]
    found = ask("met", client, server, "monet", known="met:5")
    assert len(found) == 104
    assert found[0].url == "https://i.org/small.jpg"
    assert found[0].row == Row(
        **{"source": "https://m.org/1", "licence": "CC0 1.0", "artist": "Claude Monet"},  # type: ignore[arg-type]
        **{"title": "Haystacks", "year": "1890-1891", "category": "painting"},  # type: ignore[arg-type]
    )
    refused = [(it.key, it.refused) for it in found if it.refused]
    assert refused == [
        ("met:2", "not in the public domain"),
        ("met:3", "no painting"),
        ("met:4", "without a picture"),
    ]
    assert not server.times["/v1/objects/5"]
    read = found[-1].read  # the work that the museum no longer has
    assert read is not None
    with pytest.raises(Failed, match="404"):
        read()


def test_the_art_institute_is_asked_beyond_a_thousand(server: Server, client: Web) -> None:
    works = [
        {
            **{"id": number, "title": f"Work {number}", "artist_title": None, "date_start": 1600},
            **{"date_end": 1600, "image_id": f"image-{number}", "is_public_domain": number != 7},
        }
        for number in range(1, 251)
    ]

    def search(path: str) -> object:
        asked = query(path)
        assert asked["query[bool][must][0][term][is_public_domain]"] == "true"
        last = int(asked["query[bool][must][3][range][id][gt]"])
        above = [work for work in works if int(str(work["id"])) > last]
        return {"data": above[:100], "config": {"iiif_url": "https://i.org/iiif/2"}}

    server.answers["/artworks/search"] = search
    found = ask("artic", client, server)
    assert [it.key for it in found] == [f"artic:{number}" for number in range(1, 251)]
    assert [it.key for it in found if it.refused] == ["artic:7"]
    assert found[0].url == "https://i.org/iiif/2/image-1/full/843,/0/default.jpg"
    assert (found[0].row.year, found[0].row.artist) == ("1600", "")
    headers = {name.lower(): value for name, value in server.asked[-1][1].items()}
    assert headers["aic-user-agent"].startswith("tinct/")


def test_the_rijksmuseum(server: Server, client: Web) -> None:
    def page(path: str) -> object:
        if "pageToken" in path:
            return {"orderedItems": [{"id": server.url("/2002")}]}
        assert query(path) == {"type": "painting", "imageAvailable": "true", "creator": "Vermeer"}
        following = {"id": server.url("/search/collection?pageToken=2")}
        return {"orderedItems": [{"id": server.url("/2001")}], "next": following}

    language = [{"id": "http://vocab.getty.edu/aat/300388277"}]
    server.answers["/search/collection"] = page
    for number, rights in (("2001", "publicdomain/mark/1.0/"), ("2002", "licenses/by/4.0/")):
        server.answers[f"/{number}"] = lambda _, number=number: {  # type: ignore[misc]
            "identified_by": [
                {"type": "Name", "content": "Het melkmeisje"},
                {"type": "Name", "content": "The Milkmaid", "language": language},
                {"type": "Identifier", "content": "SK-A-2344"},
            ],
            "produced_by": {
                "part": [
                    {
                        "carried_out_by": [
                            {"notation": [{"@language": "nl", "@value": "J. Vermeer"}]}
                        ]
                    }
                ],
                "timespan": {"begin_of_the_begin": "1660-01-01T00:00:00Z"},
            },
            "shows": [{"id": server.url(f"/visual/{number}")}],
        }
        server.answers[f"/visual/{number}"] = lambda _, rights=rights: {  # type: ignore[misc]
            "subject_to": [{"classified_as": [{"id": f"https://creativecommons.org/{rights}"}]}],
            "digitally_shown_by": [{"id": server.url("/digital")}],
        }
    server.answers["/digital"] = lambda _: {
        "access_point": [{"id": "https://iiif.micr.io/PJEZO/full/max/0/default.jpg"}]
    }
    milkmaid, other = ask("rijksmuseum", client, server, "creator:Vermeer")
    assert milkmaid.url == "https://iiif.micr.io/PJEZO/full/!1024,1024/0/default.jpg"
    row = milkmaid.row
    assert (row.title, row.artist, row.year) == ("The Milkmaid", "J. Vermeer", "1660")
    assert row.licence == "https://creativecommons.org/publicdomain/mark/1.0/"
    assert other.refused == "not in the public domain"


def test_commons(server: Server, client: Web) -> None:
    def page(number: int, code: str, short: str) -> dict[str, object]:
        known = {
            **{"License": {"value": code}, "LicenseShortName": {"value": short}},
            **{"Artist": {"value": '<a href="x">Paul &amp; Klee</a>'}},
            **{"DateTimeOriginal": {"value": "circa 1920"}},
        }
        info = {
            "mime": "image/jpeg",
            "thumburl": f"https://u.org/{number}.jpg",
            "extmetadata": known,
        }
        return {
            "pageid": number,
            "index": number,
            "title": f"File:{number}.jpg",
            "imageinfo": [info],
        }

    def answer(path: str) -> object:
        asked = query(path)
        assert "hastemplate:Artwork" in asked["gsrsearch"]
        if "gsroffset" in asked:
            return {"query": {"pages": [page(3, "cc0", "CC0")]}}
        pages = [page(2, "cc-by-sa-4.0", "CC BY-SA 4.0"), page(1, "pd", "Public domain")]
        return {"continue": {"gsroffset": 50, "continue": "-||"}, "query": {"pages": pages}}

    server.answers["/"] = answer
    found = ask("commons", client, server, "klee")
    assert [it.url for it in found] == ["https://u.org/1.jpg", "", "https://u.org/3.jpg"]
    assert found[1].refused == "not in the public domain: CC BY-SA 4.0"
    row = found[0].row
    assert (row.artist, row.year, row.licence) == ("Paul & Klee", "1920", "Public domain")
    server.answers["/"] = lambda _: {"error": {"info": "waiting for a server"}}
    with pytest.raises(Failed, match="waiting for a server"):
        ask("commons", client, server, "klee")


def test_pexels_and_pixabay_want_the_users_key(
    server: Server, client: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PEXELS_API_KEY", "PIXABAY_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("pexels", "pixabay"):
        with pytest.raises(UsageError, match="wants your own key"):
            ask(name, client, server, "cat")
    monkeypatch.setenv("PEXELS_API_KEY", "secret-1")
    monkeypatch.setenv("PIXABAY_API_KEY", "secret-2")
    photo = {
        "id": 1,
        "url": "https://p.org/1",
        "photographer": "Ann",
        "src": {"large2x": "https://p.org/1.jpg"},
    }
    server.answers["/search"] = lambda path: {
        "photos": [photo],
        "next_page": "" if "page=2" in path else server.url("/search?page=2"),
    }
    found = ask("pexels", client, server, "cat")
    assert [(it.key, it.row.artist, it.row.category) for it in found] == [
        ("pexels:1", "Ann", "cat")
    ] * 2
    assert {headers.get("Authorization") for path, headers in server.asked if "search" in path} == {
        "secret-1"
    }
    hit = {"id": 2, "user": "Ben", "largeImageURL": "https://p.org/2.jpg", "tags": "cat"}
    server.answers["/"] = lambda path: {"hits": [hit] if query(path)["key"] == "secret-2" else []}
    for _ in range(2):  # the second is answered from the cache
        assert [it.row.artist for it in ask("pixabay", client, server, "cat")] == ["Ben"]
    assert server.times["/"] == 1
    kept = [path.read_text(encoding="utf-8") for path in (tmp_path / "cache").rglob("*.json")]
    assert kept
    assert not any("secret" in text for text in kept)


def test_keys_are_not_sent_elsewhere(server: Server, client: Web, tmp_path: Path) -> None:
    client.fetch(
        server.url("/elsewhere/1"),
        tmp_path / "part",
        largest=1 << 20,
        headers={"Authorization": "Bearer secret"},
    )
    sent = {path: headers.get("Authorization") for path, headers in server.asked}
    assert sent["/elsewhere/1"] == "Bearer secret"
    assert sent["/picture/1"] is None


def test_nobody_is_led_astray() -> None:
    for url, reason in (
        ("ftp://a.org/1.jpg", "leads off the web"),
        ("http://a.org/1.jpg", "from https to an open line"),
        ("https://localhost/1.jpg", "onto this computer"),
        ("https://127.0.0.2/1.jpg", "onto this computer"),
        ("https://[::1]/1.jpg", "onto this computer"),
        ("https://192.168.1.1/reboot", "or its own net"),
        ("https://169.254.169.254/latest", "or its own net"),
    ):
        with pytest.raises(Failed, match=reason):
            check_address(url, "https://a.org/")
    check_address("https://8.8.8.8/1.jpg", "https://a.org/")
    check_address("http://192.168.1.1/2.jpg", "http://192.168.1.2/1.jpg")
    with pytest.raises(Failed, match="no address on the web"):
        check_address("not an address", "not an address")


def test_open_images_by_class(server: Server, client: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {
        openimages.CLASSES.path: "LabelName,DisplayName\n/m/1,Painting\n/m/2,Cat\n",
        openimages.SETS["validation"][0].path: (
            "ImageID,Source,LabelName,Confidence\na,v,/m/1,1\nb,v,/m/1,0\nc,v,/m/1,1.0\nd,v,/m/2,1\n"
        ),
        openimages.SETS["validation"][1].path: (
            "ImageID,Subset,OriginalURL,OriginalLandingURL,License,Author,Title,Rotation\n"
            "a,validation,x,https://f.org/a,https://cc.org/by/2.0/,Ann,A,0.0\n"
            "b,validation,x,y,z,Ben,B,0.0\nc,validation,x,y,z,Cy,C,90.0\n"
        ),
        openimages.SETS["test"][0].path: "ImageID,Source,LabelName,Confidence\n",
        openimages.SETS["test"][1].path: "ImageID,Rotation\n",
    }
    for path, text in tables.items():
        server.files[f"/{path}"] = text.encode()
    with pytest.raises(InputError, match=r"not the file expected .* published"):
        ask("open-images", client, server, "painting")
    plain = openimages.Table
    monkeypatch.setattr(openimages, "CLASSES", plain(openimages.CLASSES.path))
    bare = {name: tuple(plain(it.path) for it in both) for name, both in openimages.SETS.items()}
    monkeypatch.setattr(openimages, "SETS", bare)
    (found,) = ask("open-images", client, server, "painting")
    assert found.url == f"{openimages.PICTURES}/validation/a.jpg"
    assert (found.row.category, found.row.artist) == ("Painting", "Ann")
    assert found.row.licence == "https://cc.org/by/2.0/"
    with pytest.raises(UsageError, match=r"no such class.*there is Painting"):
        ask("open-images", client, server, "paintings")


def test_a_first_file_is_noted_and_holds_from_then_on(
    server: Server, client: Web, tmp_path: Path
) -> None:
    server.files["/a.bin"] = b"first"
    target = tmp_path / "a.bin"
    for _ in range(2):
        assert fetch_whole(client, server.url("/a.bin"), target).read_bytes() == b"first"
    assert server.times["/a.bin"] == 1
    target.unlink()
    server.files["/a.bin"] = b"other"
    with pytest.raises(InputError, match=r"of the first one.*forget its line in"):
        fetch_whole(client, server.url("/a.bin"), target)
    assert not list(tmp_path.glob("a.bin*"))
    with pytest.raises(InputError, match="web page instead of the file"):
        fetch_whole(client, server.url("/page/1"), target)


def test_kaggles_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    assert kaggle() == {}
    (tmp_path / "kaggle.json").write_text('{"username": "ann", "key": "k"}', encoding="utf-8")
    assert kaggle() == {"Authorization": "Basic YW5uOms="}
    monkeypatch.setenv("KAGGLE_API_TOKEN", "token")
    assert kaggle() == {"Authorization": "Bearer token"}


def test_an_interface_becomes_a_set(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Works that are refused do not count as those that were asked for."""
    works = [
        {"id": number, "image_id": str(number), "is_public_domain": number > 2, "title": "T"}
        for number in range(1, 9)
    ]
    server.answers["/artworks/search"] = lambda _: {
        "data": works,
        "config": {"iiif_url": server.url("/iiif")},
    }
    for number in range(1, 9):
        server.files[f"/iiif/{number}/full/843,/0/default.jpg"] = picture(number, "JPEG")
    source = SOURCES["artic"]
    moved = type(source)(**{**vars(source), "url": server.url("/"), "hosts": {}})
    origin = Origin("artic", moved)
    assert get(origin, tmp_path, Options(limit=3)).counts == {"saved": 3, "refused": 2}
    again = get(origin, tmp_path, Options(limit=5))
    assert again.counts == {"there": 3, "saved": 2}
    rows = read_manifest(tmp_path / "manifest.tsv")
    assert {row.source for row in rows} == {
        f"artic https://www.artic.edu/artworks/{number}" for number in range(3, 8)
    }
