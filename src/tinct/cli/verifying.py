"""The verb that proves that only colour was added."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.errors import VerifyError

if TYPE_CHECKING:
    from tinct.verify import Verdict
    from tinct.video.proof import FilmVerdict


def verify(
    *,
    original: Path,
    coloured: Path,
    max_megapixels: float,
    as_json: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Prove that only colour was added: exit code 0, or 9 where the light differs."""
    from tinct.verify import verify as compare

    verdict: Verdict | FilmVerdict
    if any(map(_is_film, (original, coloured))):
        from tinct.video.proof import compare_films

        verdict = compare_films(original, coloured)
    else:
        verdict = compare(original, coloured, max_megapixels=max_megapixels)
    if as_json:
        record = {"input": str(original), "output": str(coloured), **verdict.as_dict()}
        print(json.dumps({"v": 1, "event": "verify", **record}))
    elif verdict.ok:
        print(verdict.claim)
    if verdict.ok:
        return 0
    if as_json:
        return VerifyError.exit_code
    raise VerifyError(verdict.reason or verdict.claim, where=str(coloured))


def _is_film(path: Path) -> bool:
    from tinct.image.sniff import ENOUGH, is_film

    try:
        with path.open("rb") as file:
            return is_film(file.read(ENOUGH))
    except OSError:  # comparing will say why
        return False
