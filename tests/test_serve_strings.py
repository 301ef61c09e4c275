"""The words of the page: none is missing, none is left over, in any language."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

WEB = Path(__file__).parent.parent / "src" / "tinct" / "serve" / "web"
CODE = {file: file.read_text("utf-8") for file in (*WEB.glob("js/*.js"), WEB / "index.html")}
ENGLISH: dict[str, str] = json.loads((WEB / "strings" / "en.json").read_text("utf-8"))
#: a key between quotes; names of files have dots, too
_KEY = re.compile(r'"([a-z]+\.[a-z]+(?:_[a-z0-9]+)*)"')


def used() -> set[str]:
    found = {key for text in CODE.values() for key in _KEY.findall(text)}
    return {key for key in found if not re.search(r"\.(json|css|js)$|^tinct\.", key)}


def languages() -> list[str]:
    listed = re.search(r"LANGUAGES = \{(.*?)\}", CODE[WEB / "js" / "words.js"], re.DOTALL)
    assert listed
    return re.findall(r"(\w\w): ", listed[1])


def test_every_word_that_is_used_is_there_and_every_other_is_not() -> None:
    assert used() == set(ENGLISH)


def test_there_is_a_file_for_every_language() -> None:
    assert {f"{language}.json" for language in languages()} == {
        file.name for file in WEB.glob("strings/*")
    }
    assert len(languages()) == 8


@pytest.mark.parametrize("language", languages())
def test_a_language_says_all_of_it(language: str) -> None:
    text = (WEB / "strings" / f"{language}.json").read_text("utf-8")
    words: dict[str, str] = json.loads(text)
    assert list(words) == list(ENGLISH)
    for key, said in words.items():
        assert said.strip(), key
        assert sorted(re.findall(r"\{\w+\}", said)) == sorted(
            re.findall(r"\{\w+\}", ENGLISH[key])
        ), key
    same = [key for key in words if words[key] == ENGLISH[key]]
    assert language == "en" or len(same) < 20, same


def test_files_of_the_page_are_small() -> None:
    for file, text in CODE.items():
        assert len(text.splitlines()) < 400, file


def test_nothing_on_the_page_is_text_that_cannot_be_translated() -> None:
    text = CODE[WEB / "index.html"]
    body = re.sub(r"<(svg|noscript).*?</\1>", "", text.partition("<body")[2], flags=re.DOTALL)
    said = {part.strip() for part in re.findall(r">([^<]+)<", body)} - {""}
    assert said == {"Tinct", "1:1"}
