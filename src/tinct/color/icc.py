"""ICC profiles: what the values of a picture mean, and the profile of its coloured result.

Profiles of RGB spaces that are three tone curves and three primaries are kept. A grey profile
becomes an RGB one with sRGB's primaries and the grey's tone curve three times, so R = G = B = v
has the light that v had. Every other kind (tables, CMYK, Lab) has to be converted to sRGB first.

Layout of profiles: ICC.1:2022 (v4) and ICC.1:2001-04 (v2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tinct.color import SRGB, ColorSpace
from tinct.errors import Unreadable, Unsupported

Array = NDArray[np.float64]

_WHERE = "ICC profile"
_HEADER = 128
_BANDS = {b"GRAY": 1, b"RGB ": 3, b"Lab ": 3, b"XYZ ": 3, b"YCbr": 3, b"CMY ": 3, b"CMYK": 4}
_CLASSES = (b"scnr", b"mntr", b"prtr", b"spac", b"abst")  # links and named colours are no spaces
_TABLES = (b"A2B0", b"A2B1", b"A2B2", b"D2B0", b"D2B1", b"D2B2", b"D2B3")
_ENDS = 1e-4  # by how much the ends of tone curves may differ, from each other or from white
_SAME_CURVE = 5e-5  # profiles keep 16 bits of linear light at some 1024 points
_SAME_PRIMARIES = 1.5e-3

#: white of the profile connection space, as profiles write it
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_D65_XY = (0.3127, 0.3290)
_D50_XY = (0.3457, 0.3585)
#: primaries and white (CIE x, y) of spaces that are better known than their profiles tell:
#: those round, and some leave the white at D50 for want of a `chad` tag
_STANDARDS = (
    ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65_XY),  # sRGB, IEC 61966-2-1
    ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), _D65_XY),  # Adobe RGB (1998)
    ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65_XY),  # Display P3
    ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65_XY),  # Rec. ITU-R BT.2020
    ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), _D50_XY),  # ProPhoto (ROMM)
)


@dataclass(frozen=True, eq=False)
class _Profile:
    version: int
    connection: bytes
    date: bytes
    tags: dict[bytes, bytes]


def needs_conversion(icc: bytes, *, bands: int) -> bool:
    """Whether pixels have to become sRGB first, because `space_of` cannot describe them.

    True for CMYK, Lab and table-based profiles, and for the odd curves of some scanners.

    Args:
        icc: an embedded profile.
        bands: colour bands of the picture, alpha apart.

    Raises:
        Unreadable: the profile is damaged, or is not one for that many bands.
    """
    try:
        space_of(icc, bands=bands)
    except Unsupported:
        return True
    return False


def space_of(icc: bytes | None, *, bands: int) -> ColorSpace:
    """The space of a picture; its `icc` is the profile that a coloured result carries.

    Args:
        icc: the embedded profile; None means sRGB.
        bands: colour bands, alpha apart: 1 or 3. Grey pictures may carry an RGB profile.

    Raises:
        Unreadable: the profile is damaged, or is not one for that many bands.
        Unsupported: a kind that needs conversion first.
    """
    if icc is not None:
        return _read(icc, bands)
    if bands not in (1, 3):
        raise Unsupported(f"{bands} bands and no profile to say what they mean", where=_WHERE)
    return SRGB


@lru_cache(maxsize=8)
def _read(icc: bytes, bands: int) -> ColorSpace:
    if len(icc) < _HEADER + 4 or icc[36:40] != b"acsp":
        raise Unreadable("damaged, it has no header", where=_WHERE)
    if icc[12:16] not in _CLASSES:
        raise Unreadable("it describes no picture", where=_WHERE)
    space = icc[16:20]
    kind = _BANDS.get(space, bands)
    if kind != bands and not (bands == 1 and kind == 3):
        raise Unreadable(f"it is for {kind} bands, the picture has {bands}", where=_WHERE)
    profile = _Profile(icc[8], icc[20:24], icc[24:36], _tags(icc))
    by_tables = any(tag in profile.tags for tag in _TABLES)
    if space not in (b"GRAY", b"RGB ") or by_tables or profile.connection != b"XYZ ":
        raise Unsupported("it works by tables, not by curves and primaries", where=_WHERE)
    return _grey_space(profile) if space == b"GRAY" else _rgb_space(icc, profile)


def _rgb_space(icc: bytes, profile: _Profile) -> ColorSpace:
    colorants = np.stack([_numbers(profile, b"%cXYZ" % c, 3) for c in b"rgb"], 1)
    curves = [_curve(_tag(profile, b"%cTRC" % c)) for c in b"rgb"]
    ends = np.array([[c[0], c[-1]] for c in curves])
    if np.ptp(ends, 0).max() > _ENDS:
        raise Unsupported("its three tone curves have different ends", where=_WHERE)
    curve = np.stack(curves).astype(np.float32)
    return ColorSpace(_name(profile, "RGB"), icc, curve, _to_unit_xyz(colorants, profile))


def _grey_space(profile: _Profile) -> ColorSpace:
    tone = _tag(profile, b"kTRC")
    curve = np.broadcast_to(_curve(tone).astype(np.float32), (3, 65536))
    name = f"{_name(profile, 'Grey')}, as RGB"
    return ColorSpace(name, _rgb_profile(name, tone, profile.date), curve, SRGB.to_xyz)


def _to_unit_xyz(colorants: Array, profile: _Profile) -> Array:
    """Linear RGB to XYZ over the space's own white, from primaries that are adapted to D50."""
    for index, (*primaries, white) in enumerate(_STANDARDS):
        exact = _primaries_matrix(primaries, white)
        adapted = _adaptation(_xyz(white), _D50) @ exact
        if np.abs(adapted - colorants).max() < _SAME_PRIMARIES:
            return SRGB.to_xyz if index == 0 else exact / exact.sum(1, keepdims=True)
    if b"chad" in profile.tags:
        adaptation = _numbers(profile, b"chad", 9).reshape(3, 3)
    else:
        adaptation = _adaptation(_media_white(profile), _D50)
    if abs(np.linalg.det(adaptation)) < 1e-3:
        raise Unreadable("damaged, its adaptation of white has no inverse", where=_WHERE)
    native = np.linalg.inv(adaptation) @ colorants
    white_xyz = native.sum(1, keepdims=True)
    if white_xyz.min() < 0.1 or abs(np.linalg.det(native)) < 1e-4:
        raise Unreadable("damaged, its primaries do not span a space", where=_WHERE)
    unit: Array = native / white_xyz
    return unit


def _media_white(profile: _Profile) -> Array:
    """The white of a version 2 profile, of luminance 1; D50 where it gives none, or nonsense."""
    if profile.version >= 4 or b"wtpt" not in profile.tags:
        return _D50
    white = _numbers(profile, b"wtpt", 3)
    if white.min() <= 0:
        return _D50
    white = white / white[1]
    return white if np.abs(white - _D50).max() < 0.5 else _D50


def _xyz(xy: tuple[float, float]) -> Array:
    return np.array([xy[0] / xy[1], 1.0, (1 - xy[0] - xy[1]) / xy[1]])


def _primaries_matrix(primaries: list[tuple[float, float]], white: tuple[float, float]) -> Array:
    columns = np.stack([_xyz(p) for p in primaries], 1)
    matrix: Array = columns * np.linalg.solve(columns, _xyz(white))
    return matrix


def _adaptation(source: Array, target: Array) -> Array:
    """Bradford's matrix from one white (XYZ) to another."""
    gain = (_BRADFORD @ target) / (_BRADFORD @ source)
    matrix: Array = np.linalg.inv(_BRADFORD) @ (gain[:, None] * _BRADFORD)
    return matrix


def _tags(icc: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", icc, _HEADER)
    if count > 1000 or _HEADER + 4 + 12 * count > len(icc):
        raise Unreadable("damaged, its table of tags is cut short", where=_WHERE)
    tags = {}
    for i in range(count):
        name, offset, size = struct.unpack_from(">4sII", icc, _HEADER + 4 + 12 * i)
        if offset + size > len(icc) or size < 8:
            raise Unreadable("damaged, a tag lies beyond its end", where=_WHERE)
        tags[name] = icc[offset : offset + size]
    return tags


def _tag(profile: _Profile, name: bytes) -> bytes:
    if name not in profile.tags:
        raise Unreadable(f"damaged, it lacks {name.decode()}", where=_WHERE)
    return profile.tags[name]


def _numbers(profile: _Profile, name: bytes, count: int) -> Array:
    """The s15Fixed16 numbers of a tag of type XYZ or sf32."""
    data = _tag(profile, name)
    if len(data) < 8 + 4 * count:
        raise Unreadable(f"damaged, its {name.decode()} is cut short", where=_WHERE)
    return np.frombuffer(data, ">i4", count, 8) / 65536


def _curve(tag: bytes) -> Array:
    """Linear light (65536,) of a `curv` or `para` tag, never falling."""
    x = np.linspace(0, 1, 65536)
    y = _sampled(tag, x) if tag[:4] == b"curv" else _parametric(tag, x)
    if not np.isfinite(y).all():
        raise Unsupported("its tone curve has no end", where=_WHERE)
    # the rounded numbers of formulas miss white, or dip where their two parts meet
    if abs(y[-1] - 1) < _ENDS:
        y = y / y[-1]
    y = np.clip(y, 0, 1)
    highest = np.maximum.accumulate(y)
    if (highest - y).max() > _ENDS or y[-1] - y[0] < 0.5:
        raise Unsupported("its tone curve does not rise from dark to light", where=_WHERE)
    standard = SRGB.curve[0].astype(np.float64)
    return standard if np.abs(y - standard).max() < _SAME_CURVE else highest


def _sampled(tag: bytes, x: Array) -> Array:
    count = int.from_bytes(tag[8:12], "big")
    if len(tag) < 12 + 2 * count:
        raise Unreadable("damaged, a tone curve is cut short", where=_WHERE)
    points = np.frombuffer(tag, ">u2", count, 12)
    if count == 0:
        return x
    if count == 1:
        gamma: Array = x ** (float(points[0]) / 256)
        return gamma
    return np.interp(x, np.linspace(0, 1, count), points / 65535)


def _parametric(tag: bytes, x: Array) -> Array:
    lengths = (1, 3, 4, 5, 7)  # parameters of the function types 0 to 4
    function = int.from_bytes(tag[8:10], "big")
    if tag[:4] != b"para" or function >= len(lengths):
        raise Unreadable("damaged, a tone curve of unknown type", where=_WHERE)
    if len(tag) < 12 + 4 * lengths[function]:
        raise Unreadable("damaged, a tone curve is cut short", where=_WHERE)
    given = np.frombuffer(tag, ">i4", lengths[function], 12) / 65536
    # (a x + b)^g + e from d on, c x + f below
    g, a, b, c, d, e, f = 1.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0
    if function == 0:
        (g,) = given
    else:
        g, a, b = given[:3]
        if a == 0:
            raise Unsupported("its tone curve is flat", where=_WHERE)
        if function <= 2:
            d = -b / a
            e = f = given[3] if function == 2 else 0.0
        else:
            c, d = given[3:5]
            if function == 4:
                e, f = given[5:7]
    with np.errstate(all="ignore"):
        curved = np.maximum(a * x + b, 0) ** g + e
    result: Array = np.where(x >= d, curved, c * x + f)
    return result


def _name(profile: _Profile, otherwise: str) -> str:
    data = profile.tags.get(b"desc", b"")
    if data[:4] == b"desc":
        count = int.from_bytes(data[8:12], "big")
        text = data[12 : 12 + min(count, 200)].decode("latin-1")
    elif data[:4] == b"mluc" and len(data) >= 28:
        size, offset = struct.unpack_from(">II", data, 20)
        text = data[offset : offset + min(size, 400)].decode("utf-16-be", "replace")
    else:
        text = ""
    return "".join(c for c in text if c.isprintable()).strip() or otherwise


def _rgb_profile(name: str, tone: bytes, date: bytes) -> bytes:
    """A profile with sRGB's primaries and one tone curve, given as the bytes of its tag."""
    v4 = tone[:4] == b"para"  # version 2 knows no formulas
    matrix = _primaries_matrix(list(_STANDARDS[0][:3]), _D65_XY)
    adaptation = _adaptation(_xyz(_D65_XY), _D50)
    red, green, blue = (adaptation @ matrix).T
    texts = {b"desc": name, b"cprt": "No copyright, use freely"}
    tags = [(key, _text(key, text, v4=v4)) for key, text in texts.items()]
    tags.append((b"wtpt", _fixed(b"XYZ ", _D50 if v4 else _xyz(_D65_XY))))
    if v4:
        tags.append((b"chad", _fixed(b"sf32", adaptation)))
    tags += [(b"rXYZ", _fixed(b"XYZ ", red)), (b"gXYZ", _fixed(b"XYZ ", green))]
    tags += [(b"bXYZ", _fixed(b"XYZ ", blue))]
    tags += [(b"rTRC", tone), (b"gTRC", tone), (b"bTRC", tone)]
    table, body, placed = b"", b"", dict[bytes, int]()
    start = _HEADER + 4 + 12 * len(tags)
    for key, data in tags:
        if data not in placed:
            placed[data] = start + len(body)
            body += data + b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", key, placed[data], len(data))
    head = struct.pack(
        ">I4sI4s4s4s12s4s28x3i48x",
        start + len(body),
        b"\0\0\0\0",
        0x04300000 if v4 else 0x02400000,
        b"mntr",
        b"RGB ",
        b"XYZ ",
        date,
        b"acsp",
        *(round(v * 65536) for v in _D50),
    )
    return head + struct.pack(">I", len(tags)) + table + body


def _fixed(kind: bytes, numbers: Array) -> bytes:
    return kind + b"\0\0\0\0" + np.round(numbers * 65536).astype(">i4").tobytes()


def _text(key: bytes, text: str, *, v4: bool) -> bytes:
    if v4:
        wide = text.encode("utf-16-be")
        return struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(wide), 28) + wide
    plain = text.encode("ascii", "replace") + b"\0"
    if key != b"desc":
        return b"text\0\0\0\0" + plain
    return struct.pack(">4s4xI", b"desc", len(plain)) + plain + b"\0" * 78
