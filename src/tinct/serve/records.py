"""What the API says in JSON; the descriptions in OpenAPI are the texts under the fields.

Plain records that the client reads, too, so nothing of the server is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a coloured picture."""

    status: Literal["done", "skipped"]
    """`skipped`: it has colours, keeps them, and comes back byte for byte."""
    name: str
    """What the result is called."""
    format: str
    """File format of the result."""
    bytes: int
    """Size of the result."""
    width: int
    """Stored pixels of a row; 0 where skipped."""
    height: int
    """Stored rows; 0 where skipped."""
    pages: int
    """Pages coloured."""
    model: str
    """The model that was used."""
    seconds: float
    """Time that colouring took."""
    stages: Mapping[str, float]
    """Seconds by stage."""
    max_delta_L: float | None  # noqa: N815 - the name in --json
    """Largest difference in L* over all pixels, measured."""
    luma_identical: bool | None
    """Whether the luma of a JPEG was copied bit for bit."""
    label: Literal["xmp", "sidecar", "none"]
    """Where the result says that its colours are inferred."""
    sha256_in: str
    """Of the picture as it came."""
    sha256_out: str
    """Of the result."""
    warnings: tuple[str, ...] = ()
    """What the user should know."""
    record: Mapping[str, Any] | None = None
    """The full record that `--sidecar` writes, where it was asked for or is needed."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Problem details (RFC 9457), with the codes and remedies of the command line."""

    type: str
    """Address of an explanation."""
    title: str
    """What kind of problem it is."""
    status: int
    """The status code of the answer."""
    detail: str
    """What is wrong here."""
    code: str
    """Stable word for the kind of problem; see docs/errors.md."""
    exit_code: int
    """The exit code of the command line."""
    where: str | None = None
    """The option or picture concerned."""
    remedy: str | None = None
    """What can be done about it."""
    docs: str | None = None
    """Where the documentation says more."""


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """A picture on its way."""

    id: str
    """Known to nobody but who sent the picture."""
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    """`done`, `failed` and `cancelled` are final."""
    name: str
    """What the sender calls the picture."""
    place: int
    """How many pictures wait before it."""
    expires_in: float
    """Seconds until it is forgotten, counted anew at each use."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Addresses of `self` and `events`; once it is done, of `result` and, if it was asked for,
    `confidence`."""
    outcome: Outcome | None = None
    """Once it is done."""
    error: Problem | None = None
    """Once it has failed."""


@dataclass(frozen=True, kw_only=True)
class SessionRecord:
    """A picture that was sent once, to be coloured often."""

    id: str
    """Known to nobody but who sent the picture."""
    name: str
    """What the sender calls the picture."""
    width: int
    """Pixels of a row of the upright picture."""
    height: int
    """Rows of the upright picture."""
    pages: int
    """Pages; previews show the first."""
    format: str
    """File format."""
    saves_as: str
    """Format of a result for which none is asked: the same, or what stands in for one that is not
    written."""
    depth: Literal[8, 16]
    """Bits a channel."""
    tone: Literal["grey", "toned", "colour"]
    """What colours the picture has already."""
    expires_in: float
    """Seconds until it is forgotten, counted anew at each use."""
    warnings: tuple[str, ...] = ()
    """What was not understood."""


@dataclass(frozen=True, kw_only=True)
class LikelyColour:
    """One colour that a point may have."""

    a: float
    """a* in CIE units."""
    b: float
    """b* in CIE units."""
    probability: float
    """How likely the model holds it, 0 to 1."""
    colour: str
    """The colour at the point's own lightness, #rrggbb in sRGB."""


@dataclass(frozen=True, kw_only=True)
class PaletteRecord:
    """The likely colours of a point, the likeliest first."""

    x: float
    """From the left edge of the upright picture, 0, to the right edge, 1."""
    y: float
    """From the upper edge of the upright picture, 0, to the lower edge, 1."""
    model: str
    """The model that was asked."""
    colours: tuple[LikelyColour, ...]
    """The likeliest first."""


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """A model that this server offers."""

    name: str
    """For the option `model`."""
    default: bool
    """Whether it is used where none is named."""
    licence: str
    """SPDX identifier of the weights' licence."""
    sha256: str
    """Of its file."""
    parameters: int
    """Numbers learned."""
    trained_on: str
    """Data sets, in one line."""
    working_size: int
    """Shorter side in pixels that it sees unless told otherwise."""
    outputs: Literal["ab", "distribution"]
    """`distribution`: it can be asked for the likely colours of a point."""
    hints: bool
    """Whether it takes points and palettes."""


@dataclass(frozen=True, kw_only=True)
class ModelsRecord:
    """All models that this server offers."""

    models: tuple[ModelRecord, ...]
    """The default first."""
    label: str
    """The sentence that results bear in their description."""


@dataclass(frozen=True, kw_only=True)
class StyleRecord:
    """An artist or a period whose mean palette a result may have."""

    name: str
    """For the option `style`."""
    title: str
    """Who or what that is."""
    pictures: int
    """Paintings it was counted on."""
    colours: tuple[str, ...]
    """A few of its colours at medium light, #rrggbb, the most frequent first."""


@dataclass(frozen=True, kw_only=True)
class StylesRecord:
    """All styles that this server offers."""

    styles: tuple[StyleRecord, ...]
    """By name."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """Whether the server lives, or can colour."""

    status: Literal["live", "ready"]
    """What holds."""
    version: str
    """Of Tinct."""


#: all of them, for the schemas
RECORDS = (
    Outcome,
    Problem,
    JobRecord,
    SessionRecord,
    LikelyColour,
    PaletteRecord,
    ModelRecord,
    ModelsRecord,
    StyleRecord,
    StylesRecord,
    Health,
)
