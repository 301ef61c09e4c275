"""What a worker keeps of a picture, so that colouring it again costs little.

Of each picture of a session: small copies, their light, what a network's encoder made of it, which
holds however the picture is steered, what the network said in the end, and the colours that came of
it. `Remembering` is the only one that asks the network, and all that colours asks `Remembering`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct import flow, jpeg
from tinct.color import FloatArray, Pixels, lightness, merge
from tinct.color.tone import tone_curve
from tinct.confidence import confidence_of
from tinct.hints import fitting
from tinct.image import Picture
from tinct.models.halved import Features, Halved
from tinct.models.session import Model, Prediction
from tinct.options import ColorizeOptions
from tinct.palette import Distribution, distribution_of
from tinct.refine import Upsampler
from tinct.serve.tasks import Figures
from tinct.variants import variants_of

_MOST_SAID = 16  # answers of a network about one picture
_MOST_VARIED = 4  # sets of variants of one picture
_MOST_MAPS = 4  # small maps of colours of one picture
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601, as JFIF has it


class Kept:
    """One picture and what is known of its first page."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.previews: dict[int, Pixels] = {}
        self.lights: dict[int, FloatArray] = {}
        self.greys: dict[tuple[int, bool], NDArray[np.uint8]] = {}
        self.features = Features()
        self.said: dict[tuple[str, bytes], Prediction] = {}
        self.maps: list[tuple[str, ColorizeOptions, FloatArray]] = []
        self.distributions: dict[tuple[str, int | None], Distribution] = {}
        self.examined: dict[tuple[str, bool], bool] = {}
        #: by what the network said, which is kept along so that no other can take its place
        self.varied: dict[tuple[int, int, int], tuple[Prediction, list[FloatArray]]] = {}
        self.pixels: Pixels | None = None
        """All of the first page as it is stored, once parts of it were looked at."""
        self._copied: bool | None = None

    @property
    def size(self) -> int:
        """Bytes of all that is kept."""
        arrays: list[NDArray[Any]] = [
            *self.previews.values(),
            *self.lights.values(),
            *self.greys.values(),
            *self.features.arrays,
            *(chroma for _, _, chroma in self.maps),
        ]
        for said in self.said.values():
            arrays += (
                [said.chroma] if said.distribution is None else [said.chroma, said.distribution]
            )
        for said, found in self.varied.values():
            arrays += [said.chroma, *found]
            arrays += [] if said.distribution is None else [said.distribution]
        for distribution in self.distributions.values():
            arrays += [distribution.probabilities, distribution.light]
        if self.pixels is not None:
            arrays.append(self.pixels)
        return bytes_of(arrays)

    def preview(self, side: int) -> Pixels:
        """`Page.preview` of the first page."""
        if side not in self.previews:
            self.previews[side] = self.picture.pages[0].preview(side)
        return self.previews[side]

    def light(self, side: int) -> FloatArray:
        """The lightness of a preview."""
        if side not in self.lights:
            space = flow.page_space(self.picture.pages[0])
            self.lights[side] = lightness(self.preview(side), space)
        return self.lights[side]

    def grey(self, side: int, *, as_luma: bool) -> NDArray[np.uint8]:
        """A preview (h, w) in grey values of sRGB: those of its lightness, or its luma."""
        if (side, as_luma) not in self.greys:
            preview = self.preview(side)
            space = flow.page_space(self.picture.pages[0])
            self.greys[side, as_luma] = (
                luma_of(preview) if as_luma else grey_of(lightness(preview, space))
            )
        return self.greys[side, as_luma]

    def keeps_luma(self, options: ColorizeOptions) -> bool:
        """Whether the result will have the luma of a JPEG bit for bit."""
        if options.format not in ("same", "jpeg") or options.depth == "16":
            return False
        if self._copied is None:
            is_jpeg = self.picture.format == "jpeg"
            self._copied = is_jpeg and jpeg.shortcut(self.picture.content()) is not None
        return self._copied

    def examine(self, options: ColorizeOptions) -> bool:
        """`flow.examine`; what it raises is raised each time."""
        key = options.if_color, options.drop_credentials
        if key not in self.examined:
            self.examined[key] = flow.examine(self.picture, options)
        return self.examined[key]

    def coloured(self, network: Model, options: ColorizeOptions, side: int) -> NDArray[np.uint8]:
        """A coloured preview, (h, w, 3) sRGB: what the full picture will look like."""
        return _merged(self.light(side), self.colours(network, options))

    def colours(self, network: Model, options: ColorizeOptions) -> FloatArray:
        """The small a*b* map (h, w, 2) of the upright page; that of the same options is kept."""
        for key, known, chroma in self.maps:
            if key == network.spec.key and known == options:
                return chroma
        chroma = self._colours(network, options)
        self.maps = [*self.maps[1 - _MOST_MAPS :], (network.spec.key, options, chroma)]
        return chroma

    def _colours(self, network: Model, options: ColorizeOptions) -> FloatArray:
        space = flow.page_space(self.picture.pages[0])
        seen = options.size or network.spec.working_size
        tone = tone_curve(self.preview(seen), space) if options.toned == "keep" else None
        light, remembering = self.light(seen), Remembering(network, self)
        asked: Model = remembering
        if options.variants and options.effort != "best":
            found = self._variants(light, remembering, options)
            asked = Leaning(remembering, found[max(options.variant, 1) - 1])
            options = replace(options, variants=0, variant=0)
        own = flow.own_colours(self.preview(seen), space, options)
        return flow.colours(light, tone, asked, options, own)

    def _variants(
        self, light: FloatArray, network: Remembering, options: ColorizeOptions
    ) -> list[FloatArray]:
        """All variants of the same question: finding one costs as much as finding all."""
        hints, palette = options.known_colours(), options.known_palette()
        heat, _ = network.spec.heat(options.vividness)
        said = network.predict(
            light,
            size=options.size,
            temperature=heat,
            hints=fitting(hints, height=light.shape[0], width=light.shape[1]),
            palette=None if palette is None else palette.over(network.bins),
            distribution=True,
        )
        assert said.distribution is not None
        key = id(said), options.variants, options.seed
        if key not in self.varied:
            found = variants_of(
                said.distribution,
                network.bins,
                options.variants,
                seed=options.seed,
                temperature=network.spec.temperature if heat is None else heat,
            )
            gain = np.float32(network.spec.gain)
            while len(self.varied) >= _MOST_VARIED:
                del self.varied[next(iter(self.varied))]
            self.varied[key] = said, [one.chroma * gain for one in found]
        return self.varied[key][1]

    def certainty(self, network: Model, size: int | None) -> NDArray[np.uint8]:
        """How sure the network is, (h, w): white where it is."""
        light = self.light(size or network.spec.working_size)
        rows, columns = light.shape
        sure = confidence_of(
            light, Remembering(network, self), size=size, rows=rows, columns=columns
        )
        return np.rint(sure * 255).astype(np.uint8)

    def plain(self, side: int) -> NDArray[np.uint8]:
        """The picture as it is, (h, w, 3) sRGB."""
        space = flow.page_space(self.picture.pages[0])
        preview = self.preview(side)
        if preview.ndim == 2:
            return _merged(self.light(side), np.zeros((1, 1, 2), np.float32))
        from tinct.color import decode

        lab = decode(preview, space)
        return _merged(lab[..., 0], lab[..., 1:])

    def distribution(self, network: Model, size: int | None) -> Distribution:
        """What the network holds possible."""
        key = network.spec.key, size
        if key not in self.distributions:
            light = self.light(size or network.spec.working_size)
            asked = Remembering(network, self)
            self.distributions[key] = distribution_of(asked, light, size=size)
        return self.distributions[key]


class Remembering(Model):
    """A network that says the same of a picture without thinking twice."""

    def __init__(self, network: Model, kept: Kept) -> None:
        """Take the place of `network` for one picture; nothing is loaded."""
        self.spec = network.spec
        self._network = network
        if isinstance(network, Halved):
            self._network = network.remembering(kept.features)
        self._said = kept.said

    def predict(
        self,
        lightness: FloatArray,
        *,
        size: int | None = None,
        temperature: float | None = None,
        hints: FloatArray | None = None,
        palette: FloatArray | None = None,
        distribution: bool = False,
    ) -> Prediction:
        """As `Model.predict`; the same question is asked once."""
        seen = hashlib.blake2b(repr((lightness.shape, size, temperature, distribution)).encode())
        for array in (lightness, hints, palette):
            seen.update(b"none" if array is None else np.ascontiguousarray(array).data)
        key = self.spec.key, seen.digest()
        if key not in self._said:
            while len(self._said) >= _MOST_SAID:
                del self._said[next(iter(self._said))]
            self._said[key] = self._network.predict(
                lightness,
                size=size,
                temperature=temperature,
                hints=hints,
                palette=palette,
                distribution=distribution,
            )
        return self._said[key]


class Leaning(Model):
    """A network that gives one variant for its answer."""

    def __init__(self, network: Remembering, chroma: FloatArray) -> None:
        """Take the place of `network`; `chroma` is a*b* (h, w, 2) in CIE units."""
        self.spec = network.spec
        self._network = network
        self._chroma = chroma

    def predict(
        self,
        lightness: FloatArray,
        *,
        size: int | None = None,
        temperature: float | None = None,
        hints: FloatArray | None = None,
        palette: FloatArray | None = None,
        distribution: bool = False,  # noqa: ARG002 - what it is made of
    ) -> Prediction:
        """As `Model.predict`, with the variant's colours."""
        said = self._network.predict(
            lightness,
            size=size,
            temperature=temperature,
            hints=hints,
            palette=palette,
            distribution=True,
        )
        return replace(said, chroma=self._chroma)


class Memory:
    """The pictures a worker keeps: those used last, up to a number of bytes."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._kept: OrderedDict[Path, Kept] = OrderedDict()
        self._gone = (0, 0)  # hits and misses of pictures that are not kept any more

    def find(self, source: Path) -> Kept | None:
        """What is kept of a file, which thereby becomes the one used last."""
        if source in self._kept:
            self._kept.move_to_end(source)
        return self._kept.get(source)

    def keep(self, source: Path, kept: Kept) -> None:
        """Keep more, and forget what was not used for the longest time."""
        self._kept[source] = kept
        self._kept.move_to_end(source)
        while self._kept and self.size > self.budget:
            self._let_go(self._kept.popitem(last=False)[1])

    def forget(self, source: Path) -> None:
        """Keep nothing of a file."""
        kept = self._kept.pop(source, None)
        if kept is not None:
            self._let_go(kept)

    @property
    def size(self) -> int:
        """Bytes of all that is kept."""
        return sum(kept.size for kept in self._kept.values())

    def figures(self) -> Figures:
        """What there is now, and what was found and not found since the worker began."""
        everything = list(self._kept.values())
        return Figures(
            hits=self._gone[0] + sum(kept.features.hits for kept in everything),
            misses=self._gone[1] + sum(kept.features.misses for kept in everything),
            features=sum(bytes_of(kept.features.arrays) for kept in everything),
            size=self.size,
        )

    def _let_go(self, kept: Kept) -> None:
        self._gone = (self._gone[0] + kept.features.hits, self._gone[1] + kept.features.misses)


def bytes_of(arrays: Iterable[NDArray[Any]]) -> int:
    """Bytes that arrays hold in memory: what a view is part of counts whole, and once."""
    owners: dict[int, int] = {}
    for array in arrays:
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        owners[id(owner)] = owner.nbytes
    return sum(owners.values())


def luma_of(pixels: Pixels) -> NDArray[np.uint8]:
    """Rec. 601 luma of 8-bit pixels (h, w) or (h, w, 3)."""
    if pixels.ndim == 2:
        return pixels.astype(np.uint8, copy=False)
    luma: NDArray[np.float32] = np.rint(pixels[..., :3].astype(np.float32) @ _LUMA)
    return luma.astype(np.uint8)


def grey_of(light: FloatArray) -> NDArray[np.uint8]:
    """The grey values of sRGB that have a lightness L* (h, w)."""
    place = np.searchsorted(_between(), light.reshape(-1)).reshape(light.shape)
    return place.astype(np.uint8)


@cache
def _between() -> FloatArray:
    """L* half-way between one grey value and the next."""
    lights = lightness(np.arange(256, dtype=np.uint8)[None])[0]
    between: FloatArray = (lights[1:] + lights[:-1]) / 2
    return between


def _merged(light: FloatArray, chroma: FloatArray) -> NDArray[np.uint8]:
    height, width = light.shape
    if chroma.shape[:2] != light.shape:
        chroma = Upsampler(chroma, height, width).rows(0, height)
    return merge(light, chroma, depth=8).astype(np.uint8, copy=False)
