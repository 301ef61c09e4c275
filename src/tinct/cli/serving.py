"""The verb that serves, and its options, which are the fields of `Settings`."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from contextlib import suppress
from typing import Any

from tinct.cli.parsing import HELP, Parser, number, positive, whole
from tinct.errors import UsageError
from tinct.options import descriptions, flag

_SCALE = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}


def serve(*, debug: bool, **chosen: Any) -> int:  # noqa: ARG001 - read before parsing
    """Offer colouring to browsers and programs, over HTTP."""
    from tinct.serve.settings import Settings, token_given

    settings = Settings(**{**chosen, "token": token_given(chosen["token"])})
    try:
        from tinct.serve.server import serve as run
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "tinct":
            raise
        raise UsageError(
            f"this needs {missing}, which is not installed", remedy='pip install "tinct[serve]"'
        ) from error
    with suppress(KeyboardInterrupt):  # before there was anything to stop gracefully
        run(settings, lambda address: print(address, flush=True))
    return 0


def declare(parser: Parser, with_texts: bool) -> None:
    """The options of `serve`: their defaults and texts are found in `Settings`."""
    from tinct.serve.settings import Settings

    texts = descriptions(Settings) if with_texts else {}
    kinds: dict[str, tuple[Any, str]] = {
        "host": (str, "ADDRESS"),
        "port": (whole, "NUMBER"),
        "token": (str, "WORD"),
        "hostname": (str, "NAMES"),
        "model": (str, "NAME"),
        "max_upload": (amount, "BYTES"),
        "max_pixels": (amount, "PIXELS"),
        "timeout": (number, "SECONDS"),
        "concurrency": (positive, "NUMBER"),
        "queue": (whole, "NUMBER"),
        "ttl": (number, "SECONDS"),
        "workers": (positive, "NUMBER"),
        "storage": (amount, "BYTES"),
        "memory": (amount, "BYTES"),
    }
    headings = {
        "Where it listens": ("host", "port", "hostname", "token"),
        "How it colours": ("model", "workers"),
        "What it takes on": ("max_upload", "max_pixels", "timeout", "concurrency", "queue"),
        "What it keeps": ("ttl", "storage", "memory"),
    }
    for heading, names in headings.items():
        add = parser.section(heading)
        for name in names:
            kind, metavar = kinds[name]
            default = getattr(Settings, name) if name != "token" else None
            shown = "" if default in (None, "") else f" [default: {_short(default)}]"
            text = texts.get(name, "").replace("%", "%%") + shown
            add(flag(name), type=kind, metavar=metavar, default=default, help=text)
    add = parser.section("Options")
    add("--debug", action="store_true", help="Show where an error came from.")
    add(*HELP, action="help", help="Show this message and leave.")


def amount(text: str) -> int:
    """Read a whole number that may end in k, M or G: thousands, millions, milliards."""
    found = re.fullmatch(r"(\d+)([kMG]?)", text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no amount such as 5000, 200M or 4G")
    return int(found[1]) * _SCALE[found[2]]


def _short(value: Any) -> str:
    """An amount as one would type it."""
    if isinstance(value, int):
        for letter in "GMk":
            if value and value % _SCALE[letter] == 0 and value >= 10**6:
                return f"{value // _SCALE[letter]}{letter}"
    return f"{value:g}" if isinstance(value, float) else str(value)
