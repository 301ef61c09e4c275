"""A folder whose new pictures are coloured as they arrive, until somebody says stop.

It is looked at in intervals. What a system tells of changes by itself does not reach a program when
another machine writes to a shared disk; looking does, and costs one list of the folder each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tinct.batch import Interrupts, Work, interruptible, together
from tinct.batch.events import Reporter, Summary
from tinct.batch.inputs import Source, walk
from tinct.batch.plan import Task
from tinct.batch.workers import Make, Pool, defect
from tinct.errors import TinctError, UsageError

Plan = Callable[[Sequence[Source]], list[Task]]
Signature = tuple[int, int, int]
#: a look takes at most this share of the time
LOOKING = 0.05


@dataclass
class Scanner:
    """Finds the files of a folder that are new, or were changed, and are complete."""

    folder: Path
    recursive: bool = False
    exclude: Path | None = None
    """A folder not searched: where the results go."""
    _seen: dict[Path, Signature] = field(default_factory=dict)
    _given: dict[Path, Signature] = field(default_factory=dict)
    _refused: set[Path] = field(default_factory=set)

    def look(self) -> list[Source]:
        """The files that are the same as at the last look, not empty, and were not given before.

        A folder below that cannot be read is given once, with its problem.

        Raises:
            FileNotFoundError: the folder is gone.
        """
        self.folder.stat()
        seen: dict[Path, Signature] = {}
        complete = []
        refused = set()
        for source in walk(self.folder, Path(), recursive=self.recursive, exclude=self.exclude):
            path = source.path
            assert isinstance(path, Path)  # what lies in a folder of this machine
            if source.problem is not None:
                refused.add(path)
                if path not in self._refused:
                    complete.append(source)
                continue
            try:
                status = path.stat()
            except OSError:  # it has gone again
                continue
            signature = status.st_size, status.st_mtime_ns, status.st_ino
            seen[path] = signature
            is_new = self._given.get(path) != signature
            if is_new and status.st_size and self._seen.get(path) == signature:
                self._given[path] = signature
                complete.append(source)
        self._seen, self._refused = seen, refused
        self._given = {path: known for path, known in self._given.items() if path in seen}
        return complete

    def lost(self) -> None:
        """Begin anew when the folder is back; what is there then may be in the making."""
        self._seen = {}


def watch(
    scanner: Scanner,
    *,
    plan: Plan,
    make: Make,
    reporter: Reporter,
    jobs: int = 1,
    interval: float = 2.0,
    skip_own: bool = True,
) -> Summary:
    """Colour what arrives. Ctrl-C finishes the files under way and ends it; twice ends it at once.

    Files are coloured by worker processes: one that brings its process down ends nothing else.

    Args:
        scanner: of the folder.
        plan: turns what has arrived into tasks.
        make: as for `tinct.batch.run`.
        reporter: hears of everything; of a plan for each arrival.
        jobs: worker processes.
        interval: seconds between two looks; more where a look takes long.
        skip_own: as for `tinct.batch.run`.

    Returns:
        The tally. `aborted` says why no file could be coloured any more.
    """
    summary = Summary()
    try:
        with (
            interruptible(reporter.notice) as interrupts,
            Pool(make, size=jobs) as pool,
        ):
            for arrived in _arrivals(scanner, interval, interrupts, reporter.notice):
                tasks = _planned(plan, arrived)
                summary.total += len(tasks)
                reporter.planned(tasks)
                work = Work(tasks, reporter, summary, skip_own=skip_own)
                together(work, work.settled(), pool, interrupts)
    except KeyboardInterrupt:
        pass  # that is how it ends
    except BrokenPipeError:
        raise
    except Exception as error:
        summary.aborted = error if isinstance(error, TinctError) else defect(error)
        reporter.aborted(summary.aborted)
    finally:
        reporter.finished(summary)
    return summary


def _planned(plan: Plan, arrived: Sequence[Source]) -> list[Task]:
    """The plan; where results would have one name, the first gets it and the others fail."""
    try:
        return plan(arrived)
    except UsageError as error:
        tasks: list[Task] = []
        for source in arrived:
            for task in plan([source]):
                taken = any(task.target == other.target for other in tasks)
                tasks.append(replace(task, target=None, problem=error) if taken else task)
        return tasks


def _arrivals(
    scanner: Scanner, interval: float, interrupts: Interrupts, notice: Callable[[str], None]
) -> Iterator[list[Source]]:
    gone = False
    while not interrupts.count:
        began = time.monotonic()
        try:
            arrived = scanner.look()
        except OSError as error:
            if not gone:
                notice(f"{scanner.folder} cannot be read ({error.strerror}); waiting for it")
                scanner.lost()
            gone, arrived = True, []
        else:
            if gone:
                notice(f"{scanner.folder} is back")
            gone = False
        took = time.monotonic() - began
        if arrived:
            yield arrived
        with _idle(interrupts):
            time.sleep(max(interval, took / LOOKING))


@contextmanager
def _idle(interrupts: Interrupts) -> Iterator[None]:
    """Meanwhile nothing is under way, and Ctrl-C ends the waiting itself."""
    if interrupts.count:
        raise KeyboardInterrupt
    interrupts.idle = True
    try:
        yield
    finally:
        interrupts.idle = False
