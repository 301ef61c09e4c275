"""Colouring a file that lies under a name of the server's and bears the name its sender gave."""

from __future__ import annotations

from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path

from tinct.colorizer import Colorizer
from tinct.image import Picture
from tinct.models.session import Model
from tinct.options import ColorizeOptions
from tinct.provenance import Step
from tinct.result import Result, Stages


@dataclass(frozen=True, kw_only=True)
class Received(Colorizer):
    """A Colorizer whose labels name the file as its sender did.

    A client's words are no path on this machine, yet the label and the record of a result shall
    say what it was made of: byte for byte what the command line would have written.
    """

    sent_as: str = "picture"
    """The sender's name of the file."""

    @classmethod
    def of(cls, options: ColorizeOptions, *, network: Model, sent_as: str) -> Received:
        """One that uses a network which is loaded already."""
        chosen = {field.name: getattr(options, field.name) for field in fields(ColorizeOptions)}
        colour = cls(**chosen, sent_as=sent_as)
        colour.__dict__["network"] = network
        return colour

    def _write(
        self,
        picture: Picture,
        name: str,  # noqa: ARG002 - that of the file here
        digest: str,
        sink: Path | BytesIO,
        written: str,
        stages: Stages,
    ) -> tuple[Result, Step]:
        return super()._write(picture, self.sent_as, digest, sink, written, stages)
