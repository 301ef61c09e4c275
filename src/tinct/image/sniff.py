"""What kind of file some bytes are: the content decides, never the name."""

from __future__ import annotations

from tinct.errors import Unreadable, Unsupported

#: how many bytes `sniff` needs
ENOUGH = 256
_STARTS = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"BM", "bmp"),
)
_FILMS = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"\0\0\x01\xba",  # MPEG program stream
    b"\0\0\x01\xb3",  # MPEG video
    b"FLV\x01",
    b"0&\xb2u\x8ef\xcf\x11",  # ASF, WMV
)
_PACKET = 188  # bytes of a packet of MPEG-TS, each of which begins alike
_KNOWN = (
    (b"8BPS", "a Photoshop document"),
    (b"8BPB", "a Photoshop document"),
    (b"%PDF", "a PDF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"IIU\0", "camera raw"),
    (b"IIRO", "camera raw"),
    (b"FUJIFILMCCD-RAW", "camera raw"),
    (b"AT&TFORM", "DjVu"),
    (b"gimp xcf", "a GIMP document"),
    (b"qoif", "QOI"),
    (b"Pf", "a floating-point PFM"),
    (b"PF", "a floating-point PFM"),
    (b"P7", "PAM"),
    (b"<svg", "SVG"),
)
_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}


def sniff(start: bytes) -> str:
    """The format of a file by its first bytes.

    Returns:
        "jpeg", "png", "tiff", "webp", "avif", "heic", "jp2", "bmp", "gif" or "pnm".

    Raises:
        Unreadable: empty, or not a picture.
        Unsupported: a kind that is known but not handled.
    """
    if not start:
        raise Unreadable("the file is empty", remedy="get a fresh copy of it")
    for magic, name in _STARTS:
        if start.startswith(magic):
            return name
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    if start[:1] == b"P" and start[1:2] in b"123456" and start[2:3] in b" \t\r\n#":
        return "pnm"
    if start[4:8] == b"ftyp" and len(start) < 16:
        raise Unreadable("damaged or cut short", remedy="get a fresh copy of the file")
    brands = _brands(start)
    if brands & _AVIF:
        return "avif"
    if brands & _HEIC:
        return "heic"
    if is_film(start):
        raise Unsupported("is a film, not a picture", remedy="films are coloured by `tinct video`")
    for magic, name in _KNOWN:
        if start.startswith(magic):
            raise _unsupported(name)
    if start[128:132] == b"DICM":
        raise _unsupported("DICOM")
    raise Unreadable(
        "not a picture",
        remedy="give a JPEG, PNG, TIFF, WebP, AVIF, HEIC, JPEG 2000, BMP, GIF or PNM",
    )


def is_film(start: bytes) -> bool:
    """Whether these first bytes are those of a film; an animated picture is none by them."""
    is_avi = start[:4] == b"RIFF" and start[8:12] == b"AVI "
    is_transport = start[:1] == start[_PACKET : _PACKET + 1] == b"G"
    brands = _brands(start)
    is_mp4 = bool(brands) and not brands & (_AVIF | _HEIC)
    return start.startswith(_FILMS) or is_avi or is_transport or is_mp4


def _brands(start: bytes) -> set[bytes]:
    """Of a file of boxes (ISO/IEC 14496-12): what it says it is, and can be read as."""
    if start[4:8] != b"ftyp" or len(start) < 16:
        return set()
    size = min(int.from_bytes(start[:4], "big"), len(start))
    return {start[8:12], *(start[at : at + 4] for at in range(16, size - 3, 4))}


def _unsupported(name: str) -> Unsupported:
    return Unsupported(f"is {name}, which Tinct does not read", remedy="convert it to TIFF or PNG")
