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
_FILM = "a film"
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
    (b"\x1aE\xdf\xa3", _FILM),
    (b"Pf", "a floating-point PFM"),
    (b"PF", "a floating-point PFM"),
    (b"P7", "PAM"),
    (b"<svg", "SVG"),
)
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
    if start[4:8] == b"ftyp":
        if len(start) < 16:
            raise Unreadable("damaged or cut short", remedy="get a fresh copy of the file")
        size = min(int.from_bytes(start[:4], "big"), len(start))
        brands = {start[8:12], *(start[at : at + 4] for at in range(16, size - 3, 4))}
        if brands & {b"avif", b"avis"}:
            return "avif"
        if brands & _HEIC:
            return "heic"
        raise _unsupported(_FILM)
    for magic, name in _KNOWN:
        if start.startswith(magic):
            raise _unsupported(name)
    if start[128:132] == b"DICM":
        raise _unsupported("DICOM")
    raise Unreadable(
        "not a picture",
        remedy="give a JPEG, PNG, TIFF, WebP, AVIF, HEIC, JPEG 2000, BMP, GIF or PNM",
    )


def _unsupported(name: str) -> Unsupported:
    if name == _FILM:
        return Unsupported("is a film, not a picture", remedy="films are coloured by `tinct video`")
    return Unsupported(f"is {name}, which Tinct does not read", remedy="convert it to TIFF or PNG")
