"""A network in two halves: what its encoder said of a picture serves however it is steered."""

from __future__ import annotations

import copy
import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import ModelError
from tinct.models.cutting import halves
from tinct.models.session import Model, opened

_MOST = 8  # of one picture: a second size and mirrored ones are further pictures to an encoder


class Features:
    """What encoders said of one picture, for as long as somebody holds this.

    As float32: half of the bytes would move a*b* by up to a hundredth of a CIE unit, and they are
    few as it is, 0.8 MB at a working size of 224.
    """

    def __init__(self) -> None:
        self._said: OrderedDict[tuple[str, bytes], list[NDArray[np.float32]]] = OrderedDict()
        self.hits = 0
        """How often the encoder need not be asked."""
        self.misses = 0
        """How often it was."""

    @property
    def arrays(self) -> list[NDArray[np.float32]]:
        """All that is held."""
        return [array for said in self._said.values() for array in said]

    def find(self, key: tuple[str, bytes]) -> list[NDArray[np.float32]] | None:
        """What was said of a light."""
        if key not in self._said:
            self.misses += 1
            return None
        self.hits += 1
        self._said.move_to_end(key)
        return self._said[key]

    def put(self, key: tuple[str, bytes], said: list[NDArray[np.float32]]) -> None:
        """Hold more, and let go of what was not asked for the longest time."""
        while len(self._said) >= _MOST:
            self._said.popitem(last=False)
        self._said[key] = said


class Halved(Model):
    """A loaded network, parted where `ModelSpec.features` says; it predicts what the whole does."""

    _features: Features | None = None

    def remembering(self, features: Features) -> Halved:
        """The same network, loaded once, that asks its encoder only what `features` lacks."""
        other = copy.copy(self)
        other._features = features
        return other

    @property
    def _within(self) -> tuple[str, ...]:
        return self.spec.features

    def _opened(self, file: Path, threads: int | None) -> tuple[Any, ...]:
        try:
            parts = halves(self._content(file) or file.read_bytes(), self.spec.features)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"its features are not where it says: {error}",
                where=str(file),
                remedy="export it again",
            ) from error
        arithmetic = self.spec.arithmetic
        return tuple(opened(part, file, threads, arithmetic=arithmetic) for part in parts)

    def _run(self, names: list[str], feed: dict[str, Any]) -> list[NDArray[np.float32]]:
        encoder, decoder = self._sessions
        light, steering = {"lightness": feed["lightness"]}, dict(feed)
        del steering["lightness"]
        key = self.spec.key, _digest(feed["lightness"])
        said = None if self._features is None else self._features.find(key)
        if said is None:
            said = encoder.run(list(self.spec.features), light)
            if self._features is not None:
                self._features.put(key, said)
        features = dict(zip(self.spec.features, said, strict=True))
        found: list[NDArray[np.float32]] = decoder.run(names, {**features, **steering})
        return found


def _digest(light: NDArray[np.float32]) -> bytes:
    seen = hashlib.blake2b(repr(light.shape).encode())
    seen.update(np.ascontiguousarray(light).data)
    return seen.digest()
