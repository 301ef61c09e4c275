"""ICC profiles, made up tag by tag."""

from __future__ import annotations

import struct
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # colour-science asks for matplotlib
    import colour as colour  # for the tests that import it from here

Array = NDArray[Any]
D50 = (0.9642, 1.0, 0.8249)
D65 = (0.95045, 1.0, 1.08905)
RGB_NAMES = {"sRGB": "sRGB", "Adobe RGB": "Adobe RGB (1998)", "ProPhoto": "ROMM RGB"}


def fixed(kind: bytes, *numbers: float) -> bytes:
    return kind + bytes(4) + struct.pack(f">{len(numbers)}i", *(round(n * 65536) for n in numbers))


def gamma(value: float) -> bytes:
    return struct.pack(">4s4xIHxx", b"curv", 1, round(value * 256))


def sampled(values: Array) -> bytes:
    points = np.round(np.asarray(values) * 65535).astype(">u2")
    return (
        struct.pack(">4s4xI", b"curv", len(points)) + points.tobytes() + bytes(-len(points) % 2 * 2)
    )


def formula(function: int, *numbers: float) -> bytes:
    return struct.pack(">4s4xHxx", b"para", function) + fixed(b"", *numbers)[4:]


def description(name: str) -> bytes:
    text = name.encode() + b"\0"
    return struct.pack(">4s4xI", b"desc", len(text)) + text + bytes(78)


def profile(
    tags: dict[bytes, bytes],
    *,
    space: bytes = b"RGB ",
    connection: bytes = b"XYZ ",
    kind: bytes = b"mntr",
    version: int = 0x02400000,
) -> bytes:
    tags = {b"desc": description("made up"), b"cprt": b"text" + bytes(4) + b"none\0", **tags}
    body, table = b"", struct.pack(">I", len(tags))
    for name, data in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(
        ">I4xI4s4s4s", 132 + 12 * len(tags) + len(body), version, kind, space, connection
    )
    head += struct.pack(">6H4s28x", 2020, 1, 1, 0, 0, 0, b"acsp")
    head += struct.pack(">3i", *(round(v * 65536) for v in D50))
    return head.ljust(128, b"\0") + table + body


def rgb_tags(
    name: str, tone: bytes, *, white: tuple[float, ...] | None = None
) -> dict[bytes, bytes]:
    """Tags of a matrix profile: colour-science's primaries, adapted by its Bradford."""
    known = colour.RGB_COLOURSPACES[RGB_NAMES.get(name, name)]
    matrix = known.matrix_RGB_to_XYZ
    own = matrix.sum(1)
    adapted = colour.adaptation.matrix_chromatic_adaptation_VonKries(own, D50, "Bradford") @ matrix
    tags = {b"%cXYZ" % c: fixed(b"XYZ ", *adapted[:, i]) for i, c in enumerate(b"rgb")}
    tags.update({b"%cTRC" % c: tone for c in b"rgb"})
    return tags | {b"wtpt": fixed(b"XYZ ", *(white or tuple(own)))}


SRGB_FORMULA = formula(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
ADOBE = profile(rgb_tags("Adobe RGB", gamma(563 / 256)))
PROPHOTO = profile(rgb_tags("ProPhoto", gamma(1.8)))
DOT_GAIN = np.linspace(0, 1, 256) ** 1.75 * 0.93 + np.linspace(0, 1, 256) * 0.07
GREYS = {
    "gamma 2.2": profile({b"wtpt": fixed(b"XYZ ", *D50), b"kTRC": gamma(2.2)}, space=b"GRAY"),
    "dot gain": profile({b"wtpt": fixed(b"XYZ ", *D50), b"kTRC": sampled(DOT_GAIN)}, space=b"GRAY"),
    "sRGB curve": profile({b"kTRC": SRGB_FORMULA}, space=b"GRAY", version=0x04300000),
    "linear": profile({b"kTRC": sampled(np.array([]))}, space=b"GRAY"),
}
