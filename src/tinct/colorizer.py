"""The public face: a `Colorizer` is its options and the network that carries them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from tinct import flow, jpeg, memory, provenance
from tinct.confidence import write_confidence
from tinct.errors import OutputExists, UsageError
from tinct.image import SAVERS, Page, Picture, load, save, write_atomic
from tinct.image.metadata import fitting_exif, renewed
from tinct.jpeg.segments import ROOM_FOR_XMP
from tinct.models import load_model
from tinct.naming import FALLBACK_FORMAT, default_target, written_format
from tinct.options import ColorizeOptions, Depth, Effort, Format, IfColor, Toned
from tinct.result import Result, Stages
from tinct.version import __version__

if TYPE_CHECKING:
    from PIL.Image import Image

    from tinct.hints import Hints
    from tinct.models.session import Model
    from tinct.reference import Palette

SOFTWARE = f"Tinct {__version__}"

Anything = TypeVar("Anything", str, Path, bytes, NDArray[np.uint8], NDArray[np.uint16], "Image")
"""What can be coloured; the same type comes back."""


@dataclass(frozen=True, kw_only=True)
class Colorizer(ColorizeOptions):
    """Options and the network that carries them out, loaded once and kept.

    A Colorizer can be shared between threads.

        colorizer = tinct.Colorizer(saturation=1.2)
        colorizer.file(Path("scan.tif"), Path("scan.colorized.tif"))
        coloured = colorizer(array)
    """

    threads: int | None = None
    """CPU threads of the network; None takes all cores."""

    @cached_property
    def network(self) -> Model:
        """The loaded network.

        Raises:
            ModelError: no such model, or its file is absent or damaged.
        """
        return load_model(self.model, threads=self.threads)

    def as_variant(self, variant: int) -> Colorizer:
        """The same, for one of `variants`; the network is shared."""
        return replace(self, variant=variant)._with(self.network)

    @classmethod
    def of(cls, options: ColorizeOptions, network: Model) -> Colorizer:
        """Options, and a network that is loaded already."""
        return cls(**{at.name: getattr(options, at.name) for at in fields(options)})._with(network)

    def _with(self, network: Model) -> Colorizer:
        self.__dict__["network"] = network  # where cached_property looks first
        return self

    def __call__(self, picture: Anything) -> Anything:
        """Colour a picture in memory, or a file beside itself.

        Args:
            picture: a path; the bytes of an encoded file; a PIL image of mode 1, L, LA, RGB or
                RGBA; or an array (H, W), (H, W, 1) or (H, W, 3) of uint8 or uint16, sRGB.

        Returns:
            The same type: the path of the new file, the bytes of a file of the same format, an
            image of mode RGB or RGBA, an array (H, W, 3). With `if_color="skip"`, a picture
            that has colours is handed back as it is.

        Raises:
            TinctError: see `tinct.errors`.
        """
        value: Any = picture
        coloured: Any
        done = True
        if isinstance(value, str | Path):
            target = default_target(Path(value), format=self.format)
            done = self.file(Path(value), target).status == "done"
            coloured = type(value)(target) if done else value
        elif isinstance(value, bytes):
            coloured, result = self.data(value)
            done = result.status == "done"
        elif isinstance(value, np.ndarray):
            coloured = memory.colour_array(value, self.network, self)
        else:
            coloured = memory.colour_image(value, self.network, self)
        if not done:
            import logging

            logging.getLogger("tinct").warning("the picture has colours and was skipped")
        return cast("Anything", coloured)

    def file(
        self,
        source: Path | str,
        target: Path | str,
        *,
        overwrite: bool = False,
        name: str | None = None,
    ) -> Result:
        """Colour one file into another; the target appears whole or not at all.

        Args:
            source: the picture; never written to.
            target: the result. Its suffix decides the format where `format` is "same".
            overwrite: whether a file at `target` is replaced.
            name: what the label calls the source; its own name by default.

        Raises:
            TinctError: see `tinct.errors`; nothing is left behind.
        """
        source, target = Path(source), Path(target)
        stages = Stages()
        with stages("read"):
            picture = load(source)
            coloured = flow.examine(picture, self)
        if not coloured:
            return _skipped(str(source), str(target))
        if overwrite and target.exists() and target.samefile(source):
            raise OutputExists(
                "would replace its own input", where=str(target), remedy="choose another name"
            )
        if self.confidence is not None:
            write_confidence(
                Path(self.confidence), picture.pages[0], self.network, self, overwrite=overwrite
            )
        written, warnings = self._written(picture, target.suffix)
        beside = not SAVERS[written].xmp or self.sidecar
        if beside and not overwrite and provenance.sidecar_path(target).exists():
            raise OutputExists(
                "a record of another result is there",
                where=str(provenance.sidecar_path(target)),
                remedy="move it away, or overwrite it with --on-exists overwrite",
            )
        with write_atomic(target, overwrite=overwrite) as temporary:
            digest = provenance.sha256_of(picture.data)
            result, step = self._write(
                picture, name or source.name, digest, temporary, written, stages
            )
            result = replace(
                result,
                input=str(source),
                output=str(target),
                label="xmp" if SAVERS[written].xmp else "sidecar",
                sha256_out=provenance.sha256_of(temporary),
                warnings=(*warnings, *result.warnings),
            )
        if beside:
            record = provenance.sidecar(
                step,
                output=target,
                sha256_out=result.sha256_out,
                measured={
                    "max_delta_L": result.max_delta_lightness,
                    "luma_identical": result.luma_identical,
                },
                licence=self.network.spec.licence,
                warnings=result.warnings,
            )
            provenance.write_sidecar(target, record, overwrite=overwrite)
        return replace(result, seconds=stages.total)

    def data(self, content: bytes, *, name: str = "picture") -> tuple[bytes, Result]:
        """Colour an encoded picture in memory.

        Args:
            content: the bytes of a file.
            name: what it is called, for the label and for errors.

        Returns:
            The bytes of the coloured file (`content` itself where skipped), and the result.

        Raises:
            TinctError: see `tinct.errors`.
        """
        stages = Stages()
        with stages("read"):
            picture = replace(load(content), name=name)
            coloured = flow.examine(picture, self)
        if not coloured:
            return content, _skipped(name, name)
        written, warnings = self._written(picture, "")
        buffer = BytesIO()
        result, _ = self._write(
            picture, name, provenance.sha256_of(content), buffer, written, stages
        )
        return buffer.getvalue(), replace(
            result,
            input=name,
            output=name,
            label="xmp" if SAVERS[written].xmp else "none",
            sha256_out=provenance.sha256_of(buffer.getvalue()),
            warnings=(*warnings, *result.warnings),
            seconds=stages.total,
        )

    def _written(self, picture: Picture, suffix: str) -> tuple[str, tuple[str, ...]]:
        """The format to write, and a warning where the file's name hides another format."""
        own = picture.format if picture.format in SAVERS else FALLBACK_FORMAT
        if self.format != "same":
            return self.format, ()
        asked = written_format(suffix) if suffix else None
        if suffix and asked is None:
            raise UsageError(
                f"no format is written to files that end in '{suffix}'",
                remedy="end the name in .jpg, .png, .tif, .webp or .avif, or give a format",
            )
        if asked is None or asked == own:
            return own, ()
        if written_format(Path(picture.name).suffix) == asked and picture.format in SAVERS:
            return asked, (f"the input is {picture.format.upper()} in spite of its name",)
        return asked, ()

    def _write(
        self,
        picture: Picture,
        name: str,
        digest: str,
        sink: Path | BytesIO,
        written: str,
        stages: Stages,
    ) -> tuple[Result, provenance.Step]:
        """Colour all pages into `sink`."""
        with stages("load model"):
            network = self.network
        step = provenance.Step(
            model=network.spec.name,
            model_version=__version__,
            sha256_model=network.spec.sha256,
            sha256_in=digest,
            file_name=name,
            options=self.record(),
        )
        first = picture.pages[0]
        packets = [_packet(page, step, written) for page in picture.pages]
        light: float | None = None
        identical = None
        kept: tuple[str, ...] = ()
        content = picture.content() if written == picture.format == "jpeg" else b""
        if content and self.depth != "16" and jpeg.shortcut(content):
            with stages("predict"):
                cb, cr, icc = flow.short_way(first, content, network, self)
            with stages("write"):
                metadata = renewed(
                    first.metadata,
                    orientation=first.orientation,
                    icc=icc,
                    software=SOFTWARE,
                    xmp=packets[0][0],
                )
                block, kept = fitting_exif(metadata.exif)
                spliced = jpeg.colour(
                    content,
                    cb,
                    cr,
                    quality=self.quality,
                    exif=block or b"",
                    xmp=packets[0][0],
                    xmp_extension=packets[0][1],
                    icc=icc or b"",
                )
                if isinstance(sink, Path):
                    sink.write_bytes(spliced)
                else:
                    sink.write(spliced)
            identical = True
        else:
            measured = flow.Light()
            with stages("predict and write"):
                kept = save(
                    picture,
                    (
                        flow.coloured_page(page, network, self, measured, packet)
                        for page, packet in zip(picture.pages, packets, strict=True)
                    ),
                    sink,
                    format=written,
                    quality=self.quality,
                    software=SOFTWARE,
                )
            light = measured.largest
            if not measured.coloured and self.saturation:
                kept = (*kept, "no colour was added: pure black and white leave no room for it")
            if SAVERS[written].lossless != "always":
                from tinct.verify import verify

                with stages("verify"):
                    after = sink if isinstance(sink, Path) else sink.getvalue()
                    verdict = verify(picture.data, after)
                light = verdict.max_delta_lightness
                if verdict.reason:
                    kept = (*kept, verdict.reason)
        return Result(
            input=name,
            output=name,
            width=first.width,
            height=first.height,
            pages=len(picture.pages),
            model=network.spec.name,
            stages=stages.seconds,
            max_delta_lightness=light,
            luma_identical=identical,
            sha256_in=digest,
            warnings=(*picture.warnings, *_label_warnings(picture, packets), *kept),
        ), step


def colorize(
    picture: Anything,
    *,
    model: str | None = None,
    vividness: float = 1.0,
    saturation: float = 1.0,
    toned: Toned = "neutral",
    if_color: IfColor = "skip",
    format: Format = "same",  # noqa: A002 - the option's name everywhere
    depth: Depth = "same",
    quality: int = 90,
    sidecar: bool = False,
    drop_credentials: bool = False,
    size: int | None = None,
    effort: Effort = "normal",
    variants: int = 0,
    variant: int = 0,
    seed: int = 0,
    hints: Hints | str | Path | Mapping[str, Any] | Sequence[Sequence[float]] | None = None,
    palette: Palette | str | None = None,
    reference: Palette | str | Path | None = None,
    style: str | None = None,
    confidence: str | Path | None = None,
) -> Anything:
    """Colour one picture: path, bytes, PIL image or array in, the same type out.

    Options are those of `tinct colorize` and the fields of `ColorizeOptions`. For many pictures
    keep a `Colorizer`, which loads the network once.

    Raises:
        TinctError: see `tinct.errors`.
    """
    return Colorizer(
        model=model,
        vividness=vividness,
        saturation=saturation,
        toned=toned,
        if_color=if_color,
        format=format,
        depth=depth,
        quality=quality,
        sidecar=sidecar,
        drop_credentials=drop_credentials,
        size=size,
        effort=effort,
        variants=variants,
        variant=variant,
        seed=seed,
        hints=hints,
        palette=palette,
        reference=reference,
        style=style,
        confidence=confidence,
    )(picture)


def _packet(page: Page, step: provenance.Step, written: str) -> tuple[bytes, bytes]:
    """The labelled XMP of a page, and what a JPEG has no room for in it."""
    known = page.metadata
    packet = provenance.label(known.xmp, step, extension=known.xmp_extension)
    return provenance.split(packet, ROOM_FOR_XMP) if written == "jpeg" else (packet, b"")


def _label_warnings(picture: Picture, packets: list[tuple[bytes, bytes]]) -> list[str]:
    blocks = (b for p in picture.pages for b in (p.metadata.xmp, p.metadata.xmp_extension))
    found = [problem for block in blocks if (problem := provenance.problem(block))]
    if any(page.metadata.signed for page in picture.pages):
        found.append("its content credentials are left out: they vouch for the file as it was")
    if any(extension for _, extension in packets):
        found.append("its XMP is too large for one segment; parts of it became extended XMP")
    return list(dict.fromkeys(found))


def _skipped(source: str, target: str) -> Result:
    return Result(input=source, output=target, status="skipped", warnings=("has colours already",))
