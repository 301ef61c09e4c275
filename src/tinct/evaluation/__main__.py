"""The figures of a model's card: `python -m tinct.evaluation [MODEL]`.

Pictures come from `eval/paintings` and `eval/photos` of the folder TINCT_DATA (`../shared/data`
unless set). Each is greyed by Rec. 601, coloured at its own size (shorter side 256) with the
model's own settings, and compared with the truth.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from tinct.errors import TinctError, UsageError
from tinct.evaluation.evaluate import baselines, colourer, evaluate, markdown
from tinct.models import DEFAULT, load_model

#: the constant a*b* with the lowest CIEDE2000 on 200 training pictures
TINT = (1.0, 5.0)


def main(arguments: list[str]) -> int:
    """Print one table for each set; returns the exit code."""
    try:
        model = load_model(arguments[0] if arguments else DEFAULT)
        data = Path(os.environ.get("TINCT_DATA", "../shared/data")) / "eval"
        for name in ("paintings", "photos"):
            files = sorted((data / name).glob("*.jpg"))
            if not files:
                raise UsageError(
                    "holds no pictures", where=str(data / name), remedy="set TINCT_DATA"
                )
            digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
            pictures = [np.asarray(Image.open(file).convert("RGB")) for file in files]
            ways = {
                **baselines(TINT),
                model.spec.name: colourer(model),
                f"{model.spec.name}, temperature 1": colourer(model, temperature=1.0),
            }
            print(f"{name}: {len(files)} pictures, sha256 {digest[:12]}\n")
            print(markdown(evaluate(pictures, ways)), end="\n\n", flush=True)
    except TinctError as error:
        print(f"tinct: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
