"""Photographs by keyword, from the interfaces of Pexels and Pixabay with the user's own key."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from tinct.datasets.manifest import Row
from tinct.datasets.wanted import Settled, Wanted
from tinct.datasets.web import Web
from tinct.download import cache_folder
from tinct.errors import UsageError
from tinct.image.atomic import output_errors, write_atomic

_DAY = 24 * 3600
#: Pixabay shows no more of one search
_PIXABAY_MOST = 500


def pexels(web: Web, base: str, words: str, settled: Settled) -> Iterator[Wanted]:
    """Photographs of Pexels that a search finds.

    Args:
        web: asks.
        base: where the interface is.
        words: searched for.
        settled: not asked; one answer has all that is known of eighty pictures.

    Raises:
        UsageError: no key.
        Failed: the interface does not answer.
    """
    del settled
    key = _key("PEXELS_API_KEY", "https://www.pexels.com/api/")
    url = f"{base}search?{urlencode({'query': words, 'per_page': 80, 'page': 1})}"
    while url:
        page = web.json(url, {"Authorization": key})
        for photo in page.get("photos") or []:
            row = Row(
                source=photo.get("url") or "",
                licence="Pexels licence",
                artist=photo.get("photographer") or "",
                title=photo.get("alt") or "",
                category=words,
            )
            yield Wanted(f"pexels:{photo['id']}", photo["src"]["large2x"], row)
        url = page.get("next_page") or ""


def pixabay(web: Web, base: str, words: str, settled: Settled) -> Iterator[Wanted]:
    """Photographs of Pixabay that a search finds; arguments as of `pexels`.

    Answers are kept for a day, as its rules want.
    """
    del settled
    key = _key("PIXABAY_API_KEY", "https://pixabay.com/api/docs/")
    for number in range(1, 1 + _PIXABAY_MOST // 100):
        asked = {"q": words, "image_type": "photo", "per_page": 100, "page": number}
        page = _kept_for_a_day(web, f"{base}?{urlencode(asked)}", f"&{urlencode({'key': key})}")
        hits = page.get("hits") or []
        for hit in hits:
            row = Row(
                source=hit.get("pageURL") or "",
                licence="Pixabay content licence",
                artist=hit.get("user") or "",
                title=hit.get("tags") or "",
                category=words,
            )
            yield Wanted(f"pixabay:{hit['id']}", hit["largeImageURL"], row)
        if len(hits) < 100:
            return


def _kept_for_a_day(web: Web, url: str, secret: str) -> Any:
    """An answer, from the cache while it is fresh; the key is no part of what is kept."""
    name = hashlib.sha256(url.encode()).hexdigest()[:32]
    file = cache_folder() / "answers" / f"{name}.json"
    try:
        if time.time() - file.stat().st_mtime < _DAY:
            return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        pass
    answer = web.json(url + secret)
    with output_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    with write_atomic(file, overwrite=True) as temporary:
        temporary.write_text(json.dumps(answer), encoding="utf-8")
    return answer


def _key(name: str, where: str) -> str:
    key = os.environ.get(name, "").strip()
    if not key:
        raise UsageError(
            "its interface wants your own key", where=name, remedy=f"get one at {where} and set it"
        )
    return key
