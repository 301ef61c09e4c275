"""Train by a recipe: `python -m tinct.training RECIPE RUN`, with pictures from TINCT_DATA.

The folder TINCT_DATA (`../shared/data` unless set) holds `train/*.tar`, `train/manifest.tsv` and,
optionally, `train/exclude.txt`; backbone weights lie in `weights` beside it. Started again with
the same RUN, training goes on where it stopped.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tinct.errors import TinctError, UsageError
from tinct.training.cache import INDEX, PictureCache, build_cache
from tinct.training.loop import train
from tinct.training.recipe import load_recipe

BACKBONE = "mobilenet_v2_imagenet.fp16.safetensors"


def main(arguments: list[str]) -> int:
    """Train; returns the exit code."""
    try:
        if len(arguments) != 2:
            raise UsageError("give a recipe and a folder: python -m tinct.training RECIPE RUN")
        recipe, run = Path(arguments[0]), Path(arguments[1])
        settings = load_recipe(recipe)
        data = Path(os.environ.get("TINCT_DATA", "../shared/data"))
        shards = sorted((data / "train").glob("*.tar"))
        if not shards:
            raise UsageError(
                "holds no train/*.tar", where=str(data), remedy="set TINCT_DATA to the data folder"
            )
        cache = run / "cache"
        if not (cache / INDEX).exists():
            exclude = data / "train" / "exclude.txt"
            left_out = frozenset(exclude.read_text().split()) if exclude.exists() else frozenset()
            build_cache(shards, data / "train" / "manifest.tsv", cache, exclude=left_out)
        backbone = data.parent / "weights" / BACKBONE
        train(PictureCache(cache), backbone if backbone.exists() else None, run, settings)
    except TinctError as error:
        print(f"tinct: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
