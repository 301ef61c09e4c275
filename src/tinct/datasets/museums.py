"""Museums and Commons, asked for paintings in the public domain by the interfaces they offer.

What a museum says of a work decides, not what it was searched for: a search for the public domain
also finds works that are not in it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from tinct.datasets.answers import Failed
from tinct.datasets.manifest import Row
from tinct.datasets.wanted import Settled, Wanted
from tinct.datasets.web import Web

PROTECTED = "not in the public domain"
_PAGE = 100
_MET_MOST = 10_000


def met(web: Web, base: str, words: str, settled: Settled) -> Iterator[Wanted]:
    """Paintings of The Met (interface of 2026: search v1.1, objects v1).

    Args:
        web: asks.
        base: where the interface is.
        words: searched for; empty for all.
        settled: told `met:NUMBER`; of works dealt with nothing is asked.

    Raises:
        Failed: the search does not work.
    """
    for offset in range(0, _MET_MOST, _PAGE):
        asked = {"hasImages": "true", "medium": "Paintings", "q": words or "painting"}
        page = web.json(_url(f"{base}v1.1/search", asked | {"offset": offset, "limit": _PAGE}))
        numbers = page.get("objectIDs") or []
        for number in numbers:
            key = f"met:{number}"
            yield Wanted(key) if settled(key) else _met(web, base, number, key)
        if len(numbers) < _PAGE:
            return


def _met(web: Web, base: str, number: int, key: str) -> Wanted:
    try:
        work = web.json(f"{base}v1/objects/{number}")
    except Failed as error:
        return _unasked(key, error)
    # the reduced picture, some 1,000 pixels wide, is enough to learn from
    url = work.get("primaryImageSmall") or work.get("primaryImage") or ""
    if not work.get("isPublicDomain") or not url:
        return Wanted(key, refused=PROTECTED if url else "without a picture")
    if "painting" not in f"{work.get('classification')} {work.get('objectName')}".lower():
        return Wanted(key, refused="no painting")
    row = Row(
        source=work.get("objectURL") or f"met {number}",
        licence="CC0 1.0",
        artist=work.get("artistDisplayName") or "",
        title=work.get("title") or "",
        year=_span(work.get("objectBeginDate"), work.get("objectEndDate")),
        category="painting",
    )
    return Wanted(key, url, row)


def artic(web: Web, base: str, words: str, settled: Settled) -> Iterator[Wanted]:
    """Paintings of the Art Institute of Chicago; arguments as of `met`.

    A search shows its first thousand hits only, so each page asks for numbers above the last.
    """
    del settled  # one answer has all that is known of a hundred works
    fields = "id,title,artist_title,date_start,date_end,image_id,is_public_domain"
    last = 0
    while True:
        asked: dict[str, object] = {
            "query[bool][must][0][term][is_public_domain]": "true",
            "query[bool][must][1][term][artwork_type_id]": 1,
            "query[bool][must][2][exists][field]": "image_id",
            "query[bool][must][3][range][id][gt]": last,
            "sort[id][order]": "asc",
            "fields": fields,
            "limit": _PAGE,
        }
        if words:
            asked["q"] = words
        agent = {"AIC-User-Agent": web.agent}
        page = web.json(_url(f"{base}artworks/search", asked), agent)
        works = page.get("data") or []
        pictures = (page.get("config") or {}).get("iiif_url") or "https://www.artic.edu/iiif/2"
        for work in works:
            last = max(last, int(work["id"]))
            key = f"artic:{work['id']}"
            if not work.get("is_public_domain") or not work.get("image_id"):
                yield Wanted(key, refused=PROTECTED)
                continue
            row = Row(
                source=f"https://www.artic.edu/artworks/{work['id']}",
                licence="CC0 1.0",
                artist=work.get("artist_title") or "",
                title=work.get("title") or "",
                year=_span(work.get("date_start"), work.get("date_end")),
                category="painting",
            )
            yield Wanted(key, f"{pictures}/{work['image_id']}/full/843,/0/default.jpg", row)
        if len(works) < _PAGE:
            return


def rijksmuseum(web: Web, base: str, words: str, settled: Settled) -> Iterator[Wanted]:
    """Paintings of the Rijksmuseum (Linked Art); arguments as of `met`.

    `creator:NAME` in the words searches for painters, other words for titles.
    """
    asked = {"type": "painting", "imageAvailable": "true"}
    if words.startswith("creator:"):
        asked["creator"] = words.removeprefix("creator:").strip()
    elif words:
        asked["title"] = words
    url = _url(f"{base}search/collection", asked)
    while url:
        page = web.json(url)
        for item in page.get("orderedItems") or []:
            key = f"rijksmuseum:{item['id'].rpartition('/')[2]}"
            yield Wanted(key) if settled(key) else _rijksmuseum(web, item["id"], key)
        url = (page.get("next") or {}).get("id") or ""


def _rijksmuseum(web: Web, address: str, key: str) -> Wanted:
    """From the object to what it shows, whose rights count, to the picture of that."""
    linked = {"Accept": "application/ld+json"}
    try:
        work = web.json(address, linked)
        shown = web.json(_first(work, "shows")["id"], linked)
        digital = web.json(_first(shown, "digitally_shown_by")["id"], linked)
        url = _first(digital, "access_point")["id"]
    except Failed as error:
        return _unasked(key, error)
    except KeyError:
        return Wanted(key, refused="without a picture")
    free = re.search(r"https?://creativecommons\.org/publicdomain/[\w./]+", str(shown))
    if free is None:
        return Wanted(key, refused=PROTECTED)
    made = _first(work, "produced_by")
    time = _first(made, "timespan")
    row = Row(
        source=address,
        licence=free[0],
        artist=_maker(made),
        title=_named(work.get("identified_by")),
        year=_span(_year(time.get("begin_of_the_begin")), _year(time.get("end_of_the_end"))),
        category="painting",
    )
    return Wanted(key, url.replace("/full/max/", "/full/!1024,1024/"), row)


def _first(node: Any, name: str) -> Any:
    """The first of what a property of Linked Art holds: a thing, or a list of them."""
    value = node.get(name) or {}
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), {})
    return value


_ENGLISH = "300388277"


def _named(names: Any) -> str:
    """A name, in English where there is one."""
    found = [name for name in names or [] if name.get("type") == "Name" and name.get("content")]
    found.sort(key=lambda name: _ENGLISH not in str(name.get("language")))
    return str(found[0]["content"]) if found else ""


def _maker(made: Any) -> str:
    parts = made.get("part") or [made]
    for part in parts if isinstance(parts, list) else [parts]:
        for actor in part.get("carried_out_by") or []:
            labels = {str(note.get("@language")): note for note in actor.get("notation") or []}
            label = labels.get("en") or labels.get("nl") or {}
            name = label.get("@value") or _named(actor.get("identified_by")) or actor.get("_label")
            if name:
                return str(name)
    return ""


def commons(web: Web, base: str, words: str, settled: Settled) -> Iterator[Wanted]:
    """Works of art on Wikimedia Commons; arguments as of `met`.

    Words are searched for among files with the template for works of art; `Category:NAME` takes
    the files of a category instead.
    """
    del settled  # one answer has all that is known of fifty files
    asked: dict[str, object] = {
        "action": "query",
        "format": "json",
        "formatversion": 2,
        "prop": "imageinfo",
        "iiprop": "url|extmetadata|mime",
        "iiextmetadatafilter": "License|LicenseShortName|Artist|ObjectName|DateTimeOriginal",
        "iiurlwidth": 1280,
        "maxlag": 5,
    }
    if words.lower().startswith("category:"):
        asked |= {"generator": "categorymembers", "gcmtitle": words, "gcmtype": "file"}
        asked |= {"gcmlimit": 50}
    else:
        asked |= {"generator": "search", "gsrnamespace": 6, "gsrlimit": 50}
        asked |= {"gsrsearch": f"{words} painting hastemplate:Artwork filetype:bitmap"}
    more: dict[str, object] = {}
    while True:
        answer = web.json(_url(base, asked | more))
        if "error" in answer:
            raise Failed(
                f"Commons answers: {answer['error'].get('info', 'an error')}", passing=True
            )
        pages = (answer.get("query") or {}).get("pages") or []
        for page in sorted(pages, key=lambda page: page.get("index", 0)):
            yield _common(page)
        more = answer.get("continue") or {}
        if not more:
            return


def _common(page: Any) -> Wanted:
    key = f"commons:{page['pageid']}"
    info: dict[str, Any] = next(iter(page.get("imageinfo") or []), {})
    known = {
        name: _text(about.get("value")) for name, about in (info.get("extmetadata") or {}).items()
    }
    code = known.get("License", "").lower()
    if not (code.startswith("pd") or code in {"cc0", "cc-zero", "public domain"}):
        return Wanted(key, refused=f"{PROTECTED}: {known.get('LicenseShortName', 'no licence')}")
    if not info.get("mime", "").startswith("image/"):
        return Wanted(key, refused="no picture")
    row = Row(
        source=info.get("descriptionurl") or key,
        licence=known.get("LicenseShortName") or "Public domain",
        artist=known.get("Artist", ""),
        title=known.get("ObjectName") or page.get("title", "").removeprefix("File:"),
        year=_year(known.get("DateTimeOriginal")),
        category="painting",
    )
    return Wanted(key, info.get("thumburl") or info.get("url") or "", row)


def _text(value: object) -> str:
    """Without marks of HTML, on one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", str(value or ""))).split())


def _year(text: object) -> str:
    found = re.search(r"-?\d{4}", str(text or ""))
    return found[0] if found else ""


def _span(begin: object, end: object) -> str:
    first, last = (str(year).strip() if year is not None else "" for year in (begin, end))
    return f"{first}-{last}" if first and last and first != last else first or last


def _unasked(key: str, error: Failed) -> Wanted:
    """A work about which nothing could be learned: to be tried again if that may help."""

    def fail() -> bytes:
        raise error

    return Wanted(key, read=fail)


def _url(base: str, asked: Mapping[str, object]) -> str:
    return f"{base}?{urlencode(asked)}"
