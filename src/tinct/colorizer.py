"""The public face: a `Colorizer` is its options and the network that carries them out."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from tinct import flow, jpeg, memory, provenance
from tinct.background import Background
from tinct.confidence import write_confidence
from tinct.errors import OutputExists, Unreadable, UsageError
from tinct.image import Picture, save, upright_size, write_atomic
from tinct.image.metadata import fitting_exif, renewed
from tinct.image.savers import TILINGS, saver_of
from tinct.models import load_model
from tinct.naming import default_target
from tinct.options import ColorizeOptions, flag
from tinct.outputs import format_of, label_warnings, layout_of, opened, packet_of, skipped
from tinct.result import Result, Stages
from tinct.version import __version__

if TYPE_CHECKING:
    from PIL.Image import Image

    from tinct.models.session import Model

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
            ModelError: no such model, its file is absent or damaged, or it cannot be fast.
        """
        return load_model(self.model, threads=self.threads, fast=self.effort == "fast")

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
        self._check_one()
        if not isinstance(value, str | Path):
            self._check_in_memory(encoded=isinstance(value, bytes))
        if isinstance(value, str | Path):
            if not Path(value).name:
                raise Unreadable("an empty name", remedy="give the path of a picture")
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
        self._check_one()
        source, target = Path(source), Path(target)
        stages = Stages()
        with stages("read"):
            picture = opened(source, self)
            coloured = flow.examine(picture, self)
        if not coloured:
            return skipped(str(source), str(target))
        if overwrite and target.exists() and target.samefile(source):
            raise OutputExists(
                "would replace its own input", where=str(target), remedy="choose another name"
            )
        if self.confidence is not None and self.variant < 2:  # it is the same of all variants
            sure = Path(self.confidence)
            if os.path.realpath(sure) in (os.path.realpath(source), os.path.realpath(target)):
                raise UsageError(
                    "is the picture itself",
                    where=f"--confidence {sure}",
                    remedy="give the map a name of its own",
                )
            write_confidence(sure, picture.pages[0], self.network, self, overwrite=overwrite)
        written, warnings = format_of(picture, self, target.suffix)
        if written == "iiif" and self.tile_address is None:
            warnings += ("its address is that of a trial; --tile-address says where it will be",)
        layout, tiled = layout_of(self, written), written in TILINGS
        beside = self.sidecar or not (tiled or saver_of(written, layout).xmp)
        if beside and not overwrite and provenance.sidecar_path(target).exists():
            raise OutputExists(
                "a record of another result is there",
                where=str(provenance.sidecar_path(target)),
                remedy="move it away, or overwrite it with --on-exists overwrite",
            )
        place: AbstractContextManager[Path]
        if tiled:
            from tinct import tiling

            place = tiling.place_tiles(target, written, overwrite=overwrite)
        else:
            place = write_atomic(target, overwrite=overwrite)
        with place as temporary:
            digest = partial(provenance.sha256_of, picture.data)
            result, step = self._write(
                picture, name or source.name, digest, temporary, written, stages
            )
            tiles = ""
            if tiled:
                with stages("label"):
                    first = picture.pages[0]
                    tiling.complete(
                        temporary,
                        target,
                        written,
                        size=upright_size(first.width, first.height, first.orientation),
                        options=self,
                        packet=packet_of(first, step, written)[0],
                        model=step.model,
                    )
                    tiles = provenance.sha256_of(tiling.within(temporary, written))
            result = replace(
                result,
                input=str(source),
                output=str(target),
                label="xmp" if not tiled and saver_of(written, layout).xmp else "sidecar",
                sha256_out=tiling.hash_of(temporary, written, tiles)
                if tiled
                else provenance.sha256_of(temporary),
                warnings=(*warnings, *result.warnings),
            )
            record = provenance.sidecar(
                step,
                output=target,
                sha256_out=result.sha256_out,
                measured={
                    "max_delta_L": result.max_delta_lightness,
                    "luma_identical": result.luma_identical,
                    **({"tiles_sha256": tiles} if tiles else {}),
                },
                licence=self.network.spec.licence,
                warnings=result.warnings,
            )
            if tiled:
                tiling.write_record(temporary, written, record)
        if beside:
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
        self._check_one()
        stages = Stages()
        with stages("read"):
            picture = replace(opened(content, self), name=name)
            coloured = flow.examine(picture, self)
        if not coloured:
            return content, skipped(name, name)
        written, warnings = format_of(picture, self, "")
        layout = layout_of(self, written)
        buffer = BytesIO()
        digest = partial(provenance.sha256_of, content)
        result, _ = self._write(picture, name, digest, buffer, written, stages)
        return buffer.getvalue(), replace(
            result,
            input=name,
            output=name,
            label="xmp" if saver_of(written, layout).xmp else "none",
            sha256_out=provenance.sha256_of(buffer.getvalue()),
            warnings=(*warnings, *result.warnings),
            seconds=stages.total,
        )

    def _check_one(self) -> None:
        """A call makes one picture."""
        if self.variants and not self.variant:
            raise UsageError(
                f"there are {self.variants} variants, and one picture is made",
                where="--variant",
                remedy=f"say which, 1 to {self.variants}; `as_variant` gives each",
            )

    def _check_in_memory(self, *, encoded: bool) -> None:
        """Nothing is asked for that only a file has."""
        files = ["confidence"] * (self.confidence is not None) + ["sidecar"] * self.sidecar
        if not encoded and self.format != "same":
            files.append("format")
        if files:
            raise UsageError(
                "is of files, and this picture is none",
                where=flag(files[0]),
                remedy="give a path, or leave it out",
            )

    def _write(
        self,
        picture: Picture,
        name: str,
        digest: Callable[[], str],
        sink: Path | BytesIO,
        written: str,
        stages: Stages,
    ) -> tuple[Result, provenance.Step]:
        """Colour all pages into `sink`."""
        content = picture.content() if written == picture.format == "jpeg" else b""
        file = jpeg.shortcut(content) if content and self.depth != "16" else None
        # It leaves Python to itself, and everything else for a while to this thread.
        luma = Background(partial(jpeg.luma, content, scale=2, file=file)) if file else None
        mixed = file if file and file.is_mixed else None
        scans = Background(partial(_separated, mixed, luma)) if mixed and luma else None
        with stages("load model"):
            network = self.network
        step = provenance.Step(
            model=network.spec.name,
            model_version=__version__,
            sha256_model=network.spec.sha256,
            sha256_in=digest(),
            file_name=name,
            options=self.record(),
        )
        first = picture.pages[0]
        packets = [packet_of(page, step, written) for page in picture.pages]
        light: float | None = None
        identical = None
        kept: tuple[str, ...] = ()
        if luma is not None:
            with stages("predict"):
                cb, cr, icc = flow.short_way(first, luma, network, self)
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
                    file=file,
                    scans=scans.result if scans else None,
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
                        flow.coloured_page(page, network, self, measured, packet, written)
                        for page, packet in zip(picture.pages, packets, strict=True)
                    ),
                    sink,
                    format=written,
                    quality=self.quality,
                    software=SOFTWARE,
                    layout=layout_of(self, written),
                )
            light = measured.largest
            if not measured.coloured and self.saturation and self.vividness:
                kept = (*kept, "no colour was added: pure black and white leave no room for it")
            if saver_of(written, layout_of(self, written)).lossless != "always":
                from tinct.image.tilesets import open_result
                from tinct.verify import compare

                with stages("verify"):
                    after = sink if isinstance(sink, Path) else sink.getvalue()
                    if written in TILINGS and isinstance(sink, Path):
                        from tinct.tiling import entry

                        after = entry(sink, written)
                    done = open_result(after, max_megapixels=self.max_megapixels)
                    verdict = compare(picture, done)
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
            sha256_in=step.sha256_in,
            warnings=(*picture.warnings, *label_warnings(picture, packets), *kept),
        ), step


def _separated(file: jpeg.JpegFile, luma: Background[NDArray[np.uint8]]) -> jpeg.JpegFile:
    """The luma of a JPEG by itself, once it is known to be whole: jpeglib complains aloud."""
    luma.result()
    return jpeg.separated(file)
