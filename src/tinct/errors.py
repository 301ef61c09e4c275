"""What can go wrong, what it is called, and how the user gets past it.

    TinctError
    ├── UsageError            2  options that contradict each other or are out of range
    ├── InputError            3  a picture that cannot be used
    │   ├── Unreadable           damaged, truncated, empty, not a picture, no rights
    │   ├── Unsupported          a picture, but of a kind Tinct does not handle
    │   └── TooLarge             more pixels than allowed
    ├── OutputError           4  the result cannot be placed
    │   ├── OutputExists         something is there already, or it would be an input
    │   └── OutputUnwritable     no rights, disk full
    ├── ModelError            5  model absent, damaged, or not to be had offline
    ├── ResourceError         6  out of memory, or a cluster that is not there
    ├── Refused               7  nothing to do for good reason
    │   ├── AlreadyColour        the picture has colours
    │   ├── AlreadyTinct         Tinct made it
    │   └── Signed               it carries signed content credentials
    ├── ConfigError           8  a settings file that does not hold together
    └── VerifyError           9  the light of two pictures differs

Exit codes 0 (all done), 1 (some inputs failed), 70 (a defect in Tinct) and 130 (interrupted) have
no exception of their own. The numbers are stable and part of the public interface.
"""

from __future__ import annotations

from typing import ClassVar


class TinctError(Exception):
    """Anything Tinct reports to its user: one line of what, where and why, and one remedy."""

    exit_code: ClassVar[int] = 70
    code: ClassVar[str] = "internal"

    def __init__(
        self, message: str, *, where: str | None = None, remedy: str | None = None
    ) -> None:
        """Describe the error.

        Args:
            message: what is wrong and why, without a full stop.
            where: the file, option or key concerned.
            remedy: what the user can do about it.
        """
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        line = f"{self.where}: {self.message}" if self.where else self.message
        return f"{line} ({self.remedy})" if self.remedy else line

    def at(self, where: str) -> TinctError:
        """The same error with its place filled in, where it has none."""
        if self.where is None:
            self.where = where
        return self


class UsageError(TinctError):
    """Options that contradict each other or are out of range."""

    exit_code = 2
    code = "usage"


class InputError(TinctError):
    """A picture that cannot be used."""

    exit_code = 3
    code = "input"


class Unreadable(InputError):
    """Damaged, truncated, empty, not a picture, or no rights to read it."""

    code = "unreadable"


class Unsupported(InputError):
    """A picture, but of a kind Tinct does not handle."""

    code = "unsupported"


class TooLarge(InputError):
    """More pixels than allowed."""

    code = "too-large"


class OutputError(TinctError):
    """The result cannot be placed."""

    exit_code = 4
    code = "output"


class OutputExists(OutputError):
    """Something is there already, or the result would overwrite an input."""

    code = "output-exists"


class OutputUnwritable(OutputError):
    """No rights to write, or the disk is full."""

    code = "output-unwritable"


class ModelError(TinctError):
    """A model that is absent, damaged, or not to be had offline."""

    exit_code = 5
    code = "model"


class ResourceError(TinctError):
    """Out of memory, or no cluster that could do the work."""

    exit_code = 6
    code = "resource"


class Refused(TinctError):
    """Nothing to do, for good reason."""

    exit_code = 7
    code = "refused"


class AlreadyColour(Refused):
    """The picture has colours."""

    code = "already-colour"


class AlreadyTinct(Refused):
    """Tinct made the picture."""

    code = "already-tinct"


class Signed(Refused):
    """The picture carries signed content credentials, which colouring would break."""

    code = "signed"


class ConfigError(TinctError):
    """A settings file that does not hold together."""

    exit_code = 8
    code = "config"


class VerifyError(TinctError):
    """The light of two pictures differs."""

    exit_code = 9
    code = "verify"
