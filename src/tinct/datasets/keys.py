"""The user's own keys, where their services' own programs look for them."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path


def kaggle() -> dict[str, str]:
    """The header that tells Kaggle who asks; none without a key, which public sets may do without.

    KAGGLE_API_TOKEN is a token; KAGGLE_USERNAME and KAGGLE_KEY are the older pair, which
    `kaggle.json` in KAGGLE_CONFIG_DIR (by default `~/.kaggle`) may hold instead.
    """
    token = os.environ.get("KAGGLE_API_TOKEN", "").strip()
    if token:
        return {"Authorization": f"Bearer {token}"}
    name, key = os.environ.get("KAGGLE_USERNAME", ""), os.environ.get("KAGGLE_KEY", "")
    if not (name and key):
        folder = Path(os.environ.get("KAGGLE_CONFIG_DIR") or Path.home() / ".kaggle")
        try:
            known = json.loads((folder / "kaggle.json").read_text(encoding="utf-8"))
            name, key = str(known["username"]), str(known["key"])
        except (OSError, ValueError, KeyError, TypeError):
            return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()}
