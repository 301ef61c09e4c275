"""PyAV, which an ordinary install lacks, and what its errors mean for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from tinct.errors import InputError, ResourceError, Unreadable, UsageError
from tinct.image.atomic import unwritable


def library() -> ModuleType:
    """The module `av`, silent.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import av
        import av.logging
    except ImportError as error:
        raise UsageError(
            "films need PyAV, which is not installed",
            where="tinct video",
            remedy="pip install 'tinct[video]'",
        ) from error
    # what its decoders murmur about damaged files is said by us, once
    av.logging.set_level(av.logging.PANIC)
    return av


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn PyAV's errors about an input into ours."""
    av = library()
    try:
        yield
    except (av.error.FileNotFoundError, FileNotFoundError) as error:
        raise Unreadable("does not exist", where=str(path), remedy="check the path") from error
    except (av.error.PermissionError, PermissionError) as error:
        raise Unreadable("no rights to read it", where=str(path)) from error
    except (av.error.IsADirectoryError, IsADirectoryError) as error:
        raise Unreadable(
            "is a folder, not a film", where=str(path), remedy="name one film after the other"
        ) from error
    except (av.error.MemoryError, MemoryError) as error:
        raise ResourceError("out of memory", where=str(path)) from error
    except (av.error.FFmpegError, OSError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> InputError:
    """A file that is no film, or no longer a whole one."""
    reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
    return Unreadable(
        f"cannot be read as a film: {reason}",
        where=str(path),
        remedy="try whether a player shows it; `tinct colorize` takes pictures",
    )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn PyAV's errors about an output into ours; its disk errors are those of the system."""
    try:
        yield
    except OSError as error:
        raise unwritable(error, path) from error
