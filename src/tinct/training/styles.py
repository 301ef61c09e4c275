"""The table of `tinct.styles`: `python -m tinct.training.styles FILE`.

Counts the a*b* of the paintings of each artist who died before 1956 in the training set of
TINCT_DATA, every painting with the same weight.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct.color import grid_bins
from tinct.reference import Palette
from tinct.training.engine import source_of
from tinct.training.pictures import PictureSet, open_pictures

#: name to title and the artists of the training set that it stands for
STYLES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "botticelli": ("Sandro Botticelli", ("Sandro Botticelli",)),
    "bosch": ("Hieronymus Bosch", ("Hieronymus Bosch",)),
    "bruegel": ("Pieter Bruegel", ("Pieter Bruegel",)),
    "caravaggio": ("Caravaggio", ("Caravaggio",)),
    "degas": ("Edgar Degas", ("Edgar Degas",)),
    "el-greco": ("El Greco", ("El Greco",)),
    "gauguin": ("Paul Gauguin", ("Paul Gauguin",)),
    "giotto": ("Giotto di Bondone", ("Giotto di Bondone",)),
    "goya": ("Francisco Goya", ("Francisco Goya",)),
    "kandinsky": ("Wassily Kandinsky", ("Vasiliy Kandinskiy",)),
    "klee": ("Paul Klee", ("Paul Klee",)),
    "klimt": ("Gustav Klimt", ("Gustav Klimt",)),
    "leonardo": ("Leonardo da Vinci", ("Leonardo da Vinci",)),
    "manet": ("Édouard Manet", ("Edouard Manet",)),
    "matisse": ("Henri Matisse", ("Henri Matisse",)),
    "modigliani": ("Amedeo Modigliani", ("Amedeo Modigliani",)),
    "mondrian": ("Piet Mondrian", ("Piet Mondrian",)),
    "monet": ("Claude Monet", ("Claude Monet",)),
    "munch": ("Edvard Munch", ("Edvard Munch",)),
    "pissarro": ("Camille Pissarro", ("Camille Pissarro",)),
    "raphael": ("Raphael", ("Raphael",)),
    "rembrandt": ("Rembrandt", ("Rembrandt",)),
    "renoir": ("Pierre-Auguste Renoir", ("Pierre-Auguste Renoir",)),
    "rousseau": ("Henri Rousseau", ("Henri Rousseau",)),
    "rubens": ("Peter Paul Rubens", ("Peter Paul Rubens",)),
    "rublev": ("Andrei Rublev", ("Andrei Rublev",)),
    "sisley": ("Alfred Sisley", ("Alfred Sisley",)),
    "titian": ("Titian", ("Titian",)),
    "toulouse-lautrec": ("Henri de Toulouse-Lautrec", ("Henri de Toulouse-Lautrec",)),
    "turner": ("William Turner", ("William Turner",)),
    "van-eyck": ("Jan van Eyck", ("Jan van Eyck",)),
    "van-gogh": ("Vincent van Gogh", ("Vincent van Gogh",)),
    "velazquez": ("Diego Velázquez", ("Diego Velazquez",)),
    "vrubel": ("Mikhail Vrubel", ("Mikhail Vrubel",)),
    "middle-ages": ("Icons and early panels", ("Giotto di Bondone", "Andrei Rublev")),
    "renaissance": (
        "Italian and Flemish Renaissance",
        (
            "Sandro Botticelli",
            "Leonardo da Vinci",
            "Raphael",
            "Titian",
            "Michelangelo",
            "Jan van Eyck",
            "Hieronymus Bosch",
            "Pieter Bruegel",
            "Albrecht Durer",
        ),
    ),
    "baroque": (
        "Baroque",
        ("Caravaggio", "Peter Paul Rubens", "Rembrandt", "Diego Velazquez"),
    ),
    "romanticism": (
        "Romanticism and realism",
        ("Francisco Goya", "William Turner", "Eugene Delacroix", "Gustave Courbet"),
    ),
    "impressionism": (
        "Impressionism",
        (
            "Claude Monet",
            "Alfred Sisley",
            "Camille Pissarro",
            "Pierre-Auguste Renoir",
            "Edgar Degas",
            "Edouard Manet",
        ),
    ),
    "post-impressionism": (
        "Post-Impressionism",
        (
            "Vincent van Gogh",
            "Paul Gauguin",
            "Paul Cezanne",
            "Georges Seurat",
            "Henri de Toulouse-Lautrec",
        ),
    ),
    "modernism": (
        "Early modernism",
        ("Henri Matisse", "Vasiliy Kandinskiy", "Paul Klee", "Edvard Munch", "Gustav Klimt"),
    ),
}
_SMALLEST = 0.0005  # shares below this are left out
_AT_ONCE = 256


def shares_of(pictures: PictureSet, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean share (K,) of each bin of `grid_bins()` over paintings of equal weight."""
    bins = grid_bins()
    total = np.zeros(len(bins))
    for part in np.split(positions, range(_AT_ONCE, len(positions), _AT_ONCE)):
        for chroma in pictures.colours(part):
            weight = np.full(len(chroma), 1 / len(chroma), np.float32)
            total += Palette(chroma, weight, "").over(bins)
    mean: NDArray[np.float64] = total / total.sum()
    return mean


def main(arguments: Sequence[str]) -> int:
    """Write the table; returns the exit code."""
    pictures = open_pictures(source_of(None), shorter=256)
    artists = np.array([entry.artist for entry in pictures.cache.entries])
    bins = grid_bins()
    table = {}
    for name, (title, of) in sorted(STYLES.items()):
        positions = pictures.training[np.isin(artists[pictures.training], of)]
        if not len(positions):  # all of them are held out
            positions = np.flatnonzero(np.isin(artists, of))
        shares = shares_of(pictures, positions)
        rows = [
            [int(a), int(b), round(float(share), 4)]
            for (a, b), share in zip(bins, shares, strict=True)
            if share >= _SMALLEST
        ]
        table[name] = {"title": title, "pictures": len(positions), "shares": rows}
    lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in table.items())
    Path(arguments[0]).write_text(f'{{"v": 1, "styles": {{\n{lines}\n}}}}\n', encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
