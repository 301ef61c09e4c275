"""What a worker keeps of a picture, so that colouring it again costs little.

Of each picture of a session: small copies, their light, and what the network said of it. That is
where the features of an encoder belong, too, once a model gives them apart from its decoder:
`Remembering` is the only one that asks the network, and all that colours asks `Remembering`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct import flow
from tinct.color import FloatArray, Pixels, lightness, merge
from tinct.color.tone import tone_curve
from tinct.confidence import confidence_of
from tinct.hints import fitting
from tinct.image import Picture
from tinct.models.session import Model, Prediction
from tinct.options import ColorizeOptions
from tinct.palette import Distribution, distribution_of
from tinct.refine import Upsampler
from tinct.variants import variants_of

_MOST_SAID = 16  # answers of a network about one picture
_MOST_VARIED = 4  # sets of variants of one picture


class Kept:
    """One picture and what is known of its first page."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.previews: dict[int, Pixels] = {}
        self.lights: dict[int, FloatArray] = {}
        self.said: dict[tuple[str, bytes], Prediction] = {}
        self.distributions: dict[tuple[str, int | None], Distribution] = {}
        self.examined: dict[tuple[str, bool], bool] = {}
        #: by what the network said, which is kept along so that no other can take its place
        self.varied: dict[tuple[int, int, int], tuple[Prediction, list[FloatArray]]] = {}

    @property
    def size(self) -> int:
        """Bytes of all that is kept."""
        arrays: list[NDArray[np.generic]] = [*self.previews.values(), *self.lights.values()]
        for said in self.said.values():
            arrays += (
                [said.chroma] if said.distribution is None else [said.chroma, said.distribution]
            )
        for _, found in self.varied.values():
            arrays += found
        for distribution in self.distributions.values():
            arrays += [distribution.probabilities, distribution.light]
        return sum(array.nbytes for array in arrays)

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

    def examine(self, options: ColorizeOptions) -> bool:
        """`flow.examine`; what it raises is raised each time."""
        key = options.if_color, options.drop_credentials
        if key not in self.examined:
            self.examined[key] = flow.examine(self.picture, options)
        return self.examined[key]

    def coloured(self, network: Model, options: ColorizeOptions, side: int) -> NDArray[np.uint8]:
        """A coloured preview, (h, w, 3) sRGB: what the full picture will look like."""
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
        return _merged(self.light(side), flow.colours(light, tone, asked, options, own))

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
        key = network.spec.sha256, size
        if key not in self.distributions:
            light = self.light(size or network.spec.working_size)
            self.distributions[key] = distribution_of(network, light, size=size)
        return self.distributions[key]


class Remembering(Model):
    """A network that says the same of a picture without thinking twice."""

    def __init__(self, network: Model, kept: Kept) -> None:
        """Take the place of `network` for one picture; nothing is loaded."""
        self.spec = network.spec
        self._network = network
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
        key = self.spec.sha256, seen.digest()
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
        self._budget = budget
        self._kept: OrderedDict[Path, Kept] = OrderedDict()

    def find(self, source: Path) -> Kept | None:
        """What is kept of a file, which thereby becomes the one used last."""
        if source in self._kept:
            self._kept.move_to_end(source)
        return self._kept.get(source)

    def keep(self, source: Path, kept: Kept) -> None:
        """Keep more, and forget what was not used for the longest time."""
        self._kept[source] = kept
        self._kept.move_to_end(source)
        while self._kept and self.size > self._budget:
            self._kept.popitem(last=False)

    def forget(self, source: Path) -> None:
        """Keep nothing of a file."""
        self._kept.pop(source, None)

    @property
    def size(self) -> int:
        """Bytes of all that is kept."""
        return sum(kept.size for kept in self._kept.values())


def _merged(light: FloatArray, chroma: FloatArray) -> NDArray[np.uint8]:
    height, width = light.shape
    if chroma.shape[:2] != light.shape:
        chroma = Upsampler(chroma, height, width).rows(0, height)
    return merge(light, chroma, depth=8).astype(np.uint8, copy=False)
