"""What a user may choose when colouring films, beyond what holds for pictures, too."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tinct.errors import UsageError
from tinct.options import ColorizeOptions, flag

#: what films have in common with pictures
SHARED = (
    *("model", "vividness", "saturation", "toned", "if_color", "quality", "sidecar"),
    *("drop_credentials", "size", "effort", "palette", "reference", "style"),
)
#: what a change of leaves the colours as they are
_UNRECORDED = ("model", "if_color", "sidecar", "drop_credentials")


@dataclass(frozen=True, kw_only=True)
class VideoOptions(ColorizeOptions):
    """How films are coloured: `SHARED` of `ColorizeOptions`, and what follows."""

    quality: int = 90
    """Quality of the encoded pictures, 1 to 100; 100 is lossless where the codec can be."""
    every: int = 4
    """The model looks at every so many-th frame, and wherever something new comes into sight; the
    colours of the frames between follow the motion. 1 is every frame."""
    frame_by_frame: bool = False
    """Colour each frame by itself, as if it were a picture; the colours then flicker."""
    codec: str | None = None
    """Encoder of the result, such as `libx264` or `ffv1`; that of the source if not given."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            UsageError: a value is out of range, or makes sense for pictures alone.
        """
        super().__post_init__()
        if not (isinstance(self.every, int) and 1 <= self.every <= 240):
            raise UsageError(
                f"{self.every!r} is not possible",
                where="--every",
                remedy="give a whole number from 1 to 240",
            )
        default = ColorizeOptions()
        for field in fields(ColorizeOptions):
            if field.name in SHARED:
                continue
            if getattr(self, field.name) != getattr(default, field.name):
                raise UsageError(
                    "is for pictures, not for films",
                    where=flag(field.name),
                    remedy="leave it out",
                )

    def record(self) -> dict[str, str]:
        """What differs from the defaults and shapes the result, as text."""
        default = VideoOptions()
        return {
            field.name: str(getattr(self, field.name))
            for field in fields(VideoOptions)
            if field.name not in _UNRECORDED
            and getattr(self, field.name) != getattr(default, field.name)
        }
