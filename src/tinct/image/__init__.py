"""Pictures as files: what can be read, what can be written, and what each format can carry.

    picture = load(path)                        # headers only
    for strip in picture.pages[0].rows(): ...   # pixels, from top to bottom
    with write_atomic(target, overwrite=False) as place:
        save(picture, coloured_pages, place, format="tiff", quality=92, software="Tinct")

Pixels stay in the order of the file; `upright` turns small copies for those who look at them.
"""

from __future__ import annotations

from tinct.image.atomic import write_atomic
from tinct.image.encode import ColouredPage, save
from tinct.image.metadata import Metadata
from tinct.image.orientation import from_upright, upright, upright_size
from tinct.image.pages import Page, Picture, Strip
from tinct.image.reading import load
from tinct.image.savers import SAVERS, Saver

__all__ = [
    "SAVERS",
    "ColouredPage",
    "Metadata",
    "Page",
    "Picture",
    "Saver",
    "Strip",
    "from_upright",
    "load",
    "save",
    "upright",
    "upright_size",
    "write_atomic",
]
