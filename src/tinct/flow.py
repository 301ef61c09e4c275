"""The flow: light is split off, colours are predicted for it, and both are joined again.

    preview -> lightness -> predict -> upsample -> merge

A JPEG that becomes a JPEG takes a shorter way: its luma is copied, only new chroma is encoded.
All maps are in storage order; only the network sees pictures upright.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinct import provenance
from tinct.background import Background, ahead
from tinct.color import ColorSpace, FloatArray, Pixels, decode, lightness, merge_measured
from tinct.color.icc import space_of
from tinct.color.tone import Tone, classify, tone_curve
from tinct.cores import cores
from tinct.ensemble import predict_best
from tinct.errors import AlreadyColour, AlreadyTinct, Signed
from tinct.hints import fitting, untouched
from tinct.image import SAVERS, ColouredPage, Page, Picture, Strip, from_upright, upright
from tinct.image.decode import reduced
from tinct.luma import luma_chroma, prepare
from tinct.models.session import Model
from tinct.options import ColorizeOptions
from tinct.propagation import obey
from tinct.refine import Upsampler, enlarge
from tinct.resample import resize
from tinct.variants import variants_of

#: pixels of the shorter side by which a picture is judged grey, toned or coloured
JUDGED_SIDE = 512
#: pixels of the shorter side, at most, by which places are kept as they are
KEPT_SIDE = 512
#: of how many working sizes a grey JPEG must be for its half-size luma to serve as preview
_SHARED = 4
#: strips that are coloured at a time, at most: each takes some 20 megabytes
_AT_ONCE = 4


#: bits by the option's value; "same" is the page's own
DEPTHS: dict[str, Literal[8, 16]] = {"8": 8, "16": 16}


@dataclass
class Light:
    """The largest change of lightness seen so far, in L*, and whether any pixel got a colour."""

    largest: float = 0.0
    coloured: bool = False

    def note(self, largest: float, after: Pixels) -> None:
        """Heed the largest change within a strip, and its coloured pixels."""
        self.largest = max(self.largest, largest)
        if not self.coloured:
            self.coloured = bool((after[..., 1:] != after[..., :1]).any())


def examine(picture: Picture, options: ColorizeOptions) -> bool:
    """Whether the picture is to be coloured; False where options say to skip it.

    Raises:
        Signed: it carries content credentials, which are not to be dropped.
        AlreadyTinct: Tinct made it, and it is not to be recoloured.
        AlreadyColour: it has colours, and options say that this is a failure.
    """
    if not options.drop_credentials and any(page.metadata.signed for page in picture.pages):
        raise Signed(
            "it carries signed content credentials (C2PA), which hold for the file as it is",
            where=picture.name,
            remedy="colour an unsigned copy, or add --drop-credentials",
        )
    if options.if_color == "recolor":
        return True
    if any(provenance.is_ours(page.metadata.xmp) for page in picture.pages):
        raise AlreadyTinct(
            "Tinct coloured this picture before",
            where=picture.name,
            remedy="colour the original instead, or add --if-color recolor",
        )
    if all(_tone(page) is not Tone.COLOUR for page in picture.pages):
        return True
    if options.if_color == "fail":
        raise AlreadyColour(
            "the picture has colours",
            where=picture.name,
            remedy="--if-color recolor colours it anew, --if-color skip passes over it",
        )
    return False


def colours(
    light: FloatArray,
    tone: FloatArray | None,
    network: Model,
    options: ColorizeOptions,
    own: FloatArray | None = None,
) -> FloatArray:
    """The small a*b* map (h, w, 2) of an upright picture.

    Args:
        light: L* (H, W) of the picture, or of a smaller copy.
        tone: a*b* (101, 2) at each L* that is to shine through, or None.
        network: what predicts.
        options: how.
        own: `own_colours`, for hints that keep places as they are.
    """
    hints, palette = options.known_colours(), options.known_palette()
    points = fitting(hints, height=light.shape[0], width=light.shape[1])
    heat, gain = network.spec.heat(options.vividness)
    wanted = None if palette is None else palette.over(network.bins)

    def said(
        points: FloatArray | None, *, odds: bool = False
    ) -> tuple[FloatArray, FloatArray | None]:
        if options.effort == "best":
            prediction = predict_best(
                network, light, size=options.size, temperature=heat, hints=points, palette=wanted
            )
        else:
            prediction = network.predict(
                light,
                size=options.size,
                temperature=heat,
                hints=points,
                palette=wanted,
                distribution=odds or options.variants > 0,
            )
        chroma = prediction.chroma
        if options.variants and prediction.distribution is not None:
            found = variants_of(
                prediction.distribution,
                network.bins,
                options.variants,
                seed=options.seed,
                temperature=heat,
            )
            chroma = found[max(options.variant, 1) - 1].chroma * np.float32(network.spec.gain)
        chroma = chroma * np.float32(options.saturation * gain)
        if tone is not None:
            small = resize(light, chroma.shape[0], chroma.shape[1])
            chroma = chroma + tone[np.clip(np.rint(small), 0, 100).astype(np.intp)]
        return chroma, prediction.distribution

    chroma, _ = said(points)
    if points is not None:
        plain, odds = said(None, odds=True)
        # a variant without the points would be another one
        without = None if options.variants else plain
        chroma = obey(chroma, light, points, without=without, odds=odds)
    if hints is None or not len(hints.keep):
        return chroma
    height, width = light.shape
    share = min(1.0, KEPT_SIDE / min(height, width))
    height, width = round(height * share), round(width * share)
    stays = untouched(hints.keep, height, width)
    whole = enlarge(chroma, height, width) * (1 - stays)
    if own is not None:
        whole += stays * np.stack([resize(own[..., at], height, width) for at in (0, 1)], -1)
    return whole


def own_colours(preview: Pixels, space: ColorSpace, options: ColorizeOptions) -> FloatArray | None:
    """a*b* (H, W, 2) that the picture came with; None where it is grey, or nothing is kept."""
    hints = options.known_colours()
    if hints is None or not len(hints.keep) or preview.ndim == 2 or preview.shape[2] < 3:
        return None
    return decode(preview[..., :3], space)[..., 1:]


def page_colours(
    page: Page, network: Model, options: ColorizeOptions, preview: Pixels | None = None
) -> FloatArray:
    """The small a*b* map of a page, in storage order.

    Args:
        page: of the source.
        network: what predicts.
        options: how.
        preview: of the page, where there is one already.
    """
    space = page_space(page)
    if preview is None:
        preview = page.preview(options.size or network.spec.working_size)
    tone = tone_curve(preview, space) if options.toned == "keep" else None
    own = own_colours(preview, space, options)
    chroma = colours(lightness(preview, space), tone, network, options, own)
    return from_upright(chroma, page.orientation)


def coloured_page(
    page: Page,
    network: Model,
    options: ColorizeOptions,
    light: Light,
    packet: tuple[bytes, bytes],
    written: str,
) -> ColouredPage:
    """A page whose pixels are coloured strip by strip as they are asked for.

    Args:
        page: of the source.
        network: what predicts.
        options: how.
        light: hears how much the lightness changes.
        packet: the new XMP, and its extension.
        written: format of the result.
    """
    space = page_space(page)
    # an encoder that compresses while rows are coloured takes a core for itself
    copied = written == "tiff" and page.tiff is not None and page.tiff.compression == 1
    busy = not copied and not (written in SAVERS and SAVERS[written].afterwards)
    most = min(max(1, cores() - busy), _AT_ONCE)
    depth = DEPTHS.get(options.depth, page.depth)
    chroma = page_colours(page, network, options)
    return ColouredPage(
        page=page,
        depth=depth,
        icc=space.icc,
        strips=_strips(page, chroma, space, depth, light, most),
        xmp=packet[0],
        xmp_extension=packet[1],
    )


def _strips(
    page: Page,
    chroma: FloatArray,
    space: ColorSpace,
    depth: Literal[8, 16],
    light: Light,
    most: int,
) -> Iterator[Pixels]:
    enlarged = Upsampler(chroma, page.height, page.width)

    def coloured(strip: Strip) -> tuple[Pixels, float]:
        before = lightness(strip.pixels, space)
        rows = enlarged.rows(strip.top, strip.top + before.shape[0])
        return merge_measured(before, rows, space, depth=depth)

    for pixels, largest in ahead(coloured, page.rows(), most=most):
        light.note(largest, pixels)
        yield pixels


def short_way(
    page: Page, luma: Background[NDArray[np.uint8]], network: Model, options: ColorizeOptions
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], bytes | None]:
    """Half-size Cb and Cr planes for the luma of a JPEG, and the profile of the result.

    Args:
        page: of the source.
        luma: of the source at half size, as soon as it is there.
        network: what predicts.
        options: how.
    """
    space = page_space(page)
    side = options.size or network.spec.working_size
    preview = None
    if page.bands == 1 and min(page.width, page.height) >= _SHARED * side:
        # Most of a decoder's work is the entropy code, whatever the size: once for both.
        preview = upright(reduced(luma.result(), side)[..., 0], page.orientation)
    chroma = page_colours(page, network, options, preview)
    blue, red = luma_chroma(chroma, luma.result(), space)
    return blue, red, space.icc


def warm_up() -> None:
    """Do once what the first JPEG would wait for: its libraries, and the tables of sRGB.

    For a command that has nothing to do while its network is loaded.
    """
    import simplejpeg  # noqa: F401
    from PIL import JpegImagePlugin  # noqa: F401

    lightness(np.zeros((8, 8), np.uint8))
    prepare()


def page_space(page: Page) -> ColorSpace:
    """The colour space of a page's pixels, after whatever conversion loading made."""
    return space_of(page.metadata.icc, bands=page.bands)


def _tone(page: Page) -> Tone:
    return Tone.GREY if page.bands == 1 else classify(page.preview(JUDGED_SIDE), page_space(page))
