"""Which picture comes when: batches that depend on the seed and the step alone.

Every picture drawn has a number. Its place in the order of an epoch, its cut and its ageing follow
from the seed and that number, so a resumed run, and a run on several devices, sees exactly what an
uninterrupted run on one device would have seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinct.training.augment import age, film_grey, grey, square, turn
from tinct.training.cache import PictureCache
from tinct.training.recipe import Augmentation, Data, Steering
from tinct.training.steering import draw_palette, draw_points

#: lightness of the 256 greys of sRGB, and the linear value of each code
_CODES = np.arange(256, dtype=np.float64) / 255
_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4)


class Drawn(NamedTuple):
    """One picture (arrays without N), or several."""

    rgb: NDArray[np.uint8]
    """sRGB (N, S, S, 3)."""
    grey: NDArray[np.uint8]
    """(N, S, S), aged."""
    positions: NDArray[np.int64]
    """In the cache (N,)."""
    points: NDArray[np.int32]
    """Places of known colour, see `tinct.training.steering` (N, S/4, S/4)."""
    palettes: NDArray[np.bool_]
    """Whether the palette is known (N,)."""
    replayed: NDArray[np.bool_]
    """Whether it comes from the generic set (N,)."""


@dataclass(frozen=True)
class Batch:
    """What a network is trained on."""

    lightness: Tensor
    """L* (N, 1, S, S) in 0..100, of the aged grey picture."""
    chroma: Tensor
    """True a*b* (N, 2, S, S) in CIE units."""
    embedding: Tensor | None
    """The classifier's vectors (N, K), where the network takes them."""
    points: Tensor | None = None
    """Places of known colour (N, S/4, S/4), where the recipe asks for them."""
    palettes: Tensor | None = None
    """Whether the palette is known (N,), likewise."""
    replayed: Tensor | None = None
    """Which come from a generic set (N,), where there is one."""

    def inputs(self) -> tuple[Tensor, ...]:
        """The arguments of the network's `forward`."""
        return (self.lightness,) if self.embedding is None else (self.lightness, self.embedding)


class Draws:
    """Pictures by the number of their draw. Threads may share it."""

    def __init__(
        self,
        cache: PictureCache,
        positions: NDArray[np.int64],
        *,
        size: int,
        data: Data,
        augmentation: Augmentation,
        group: int,
        seed: int,
        steering: Steering | None = None,
    ) -> None:
        """Prepare.

        Args:
            cache: decoded pictures.
            positions: those to draw from, each once an epoch.
            size: side of the squares.
            data: how pictures become squares.
            augmentation: what is done to them.
            group: pictures in a batch, which `whole_batch` turns alike.
            seed: of the order and of everything done to a picture.
            steering: how often points and palettes are known; never by default.
        """
        self.cache, self.positions, self.size = cache, positions, size
        self.data, self.augmentation, self.group, self.seed = data, augmentation, group, seed
        self.steering = steering or Steering()
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((self.seed, 0, epoch)).permutation(self.positions)

    def position(self, draw: int) -> int:
        """Which picture of the cache the draw is."""
        epoch, place = divmod(draw, len(self.positions))
        return int(self._order(epoch)[place])

    def __getitem__(self, draw: int) -> Drawn:
        position = self.position(draw)
        rng = np.random.default_rng((self.seed, 1, draw))
        options = self.augmentation
        cut = square(
            self.cache[position],
            self.size,
            self.data.fit,
            smallest=options.smallest_crop,
            rng=rng,
        )
        shared = np.random.default_rng((self.seed, 2, draw // self.group))
        rgb = np.asarray(turn(cut, options, shared if options.whole_batch else rng))
        told = np.random.default_rng((self.seed, 3, draw))
        return Drawn(
            rgb=rgb,
            grey=age(film_grey(rgb, options, rng), options, rng),
            positions=np.array(position),
            points=draw_points(self.size // 4, self.size // 4, self.steering, told),
            palettes=np.array(draw_palette(self.steering, told)),
            replayed=np.array(False),
        )

    def together(self, draws: Sequence[int]) -> Drawn:
        """Several draws, stacked."""
        return stacked([self[draw] for draw in draws])


class Replayed:
    """Draws of which a share comes from another set; which ones depends on the numbers alone."""

    def __init__(self, own: Draws, other: Draws, share: float) -> None:
        self.own, self.other, self.share = own, other, share

    def __getitem__(self, draw: int) -> Drawn:
        if np.random.default_rng((self.own.seed, 4, draw)).random() < self.share:
            return self.other[draw]._replace(replayed=np.array(True))
        return self.own[draw]

    def together(self, draws: Sequence[int]) -> Drawn:
        """Several draws, stacked."""
        return stacked([self[draw] for draw in draws])


def stacked(drawn: Sequence[Drawn]) -> Drawn:
    """Several pictures as one batch."""
    return Drawn(*map(np.stack, zip(*drawn, strict=True)))


def numbers(*, batch: int, start: int, rank: int = 0, world: int = 1) -> Iterator[range]:
    """The numbers of the draws of each batch from batch `start` on, for one of several devices."""
    own = batch // world
    for place in count(start):
        first = place * batch + rank * own
        yield range(first, first + own)


def stream(
    draws: Draws | Replayed, chosen: Iterable[Sequence[int]], *, workers: int
) -> Iterator[Drawn]:
    """Batches in order, prepared ahead by threads.

    Threads suffice: resizing, compressing and array arithmetic let go of Python's lock, and the
    network's own threads hardly need it. `workers=0` prepares each batch when it is asked for.
    """
    if not workers:
        yield from map(draws.together, chosen)
        return
    waiting: deque[Future[Drawn]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="pictures") as pool:
        try:
            for some in chosen:
                waiting.append(pool.submit(draws.together, some))
                if len(waiting) > 3 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def still(
    cache: PictureCache, positions: NDArray[np.int64], *, size: int, data: Data
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pictures as validation takes them, never augmented: sRGB (N, S, S, 3) and grey (N, S, S)."""
    squares = [np.asarray(square(cache[int(at)], size, data.fit)) for at in positions]
    rgb = np.stack(squares)
    return rgb, np.stack([grey(picture) for picture in squares])


class Colours(torch.nn.Module):
    """Codes of sRGB to CIELAB, on whatever device it is (IEC 61966-2-1, CIE 15, D65)."""

    linear: Tensor
    light: Tensor
    matrix: Tensor

    def __init__(self) -> None:
        from tinct.color import RGB_TO_XYZ, WHITE, lightness_from_grey

        super().__init__()
        light = lightness_from_grey(_CODES.astype(np.float32))
        self.register_buffer("linear", torch.from_numpy(_LINEAR.astype(np.float32)))
        self.register_buffer("light", torch.from_numpy(light))
        matrix = (np.asarray(RGB_TO_XYZ) / np.asarray(WHITE)[:, None]).astype(np.float32)
        self.register_buffer("matrix", torch.from_numpy(matrix))

    def lightness(self, grey: Tensor) -> Tensor:
        """Grey codes (N, S, S) uint8 to L* (N, 1, S, S)."""
        return self.light[grey.long()][:, None]

    def lab(self, rgb: Tensor) -> Tensor:
        """Codes (N, S, S, 3) uint8 to L*a*b* (N, 3, S, S)."""
        xyz = self.linear[rgb.long()] @ self.matrix.T
        cubic = xyz.clamp(min=0) ** (1 / 3)
        f = torch.where(xyz > 216 / 24389, cubic, (xyz * (24389 / 27) + 16) / 116)
        fx, fy, fz = f.unbind(-1)
        return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], dim=1)

    def batch(
        self, rgb: Tensor, grey: Tensor, embedding: Tensor | None, *, original_light: bool
    ) -> Batch:
        """Codes to a batch; `original_light` takes L* from the colours, as the originals did."""
        lab = self.lab(rgb)
        light = lab[:, :1] if original_light else self.lightness(grey)
        return Batch(light.contiguous(), lab[:, 1:].contiguous(), embedding)
