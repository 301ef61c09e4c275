"""Colour many files: one after the other or by worker processes, surviving every single failure."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FrameType

from tinct.batch.events import Reporter, Summary
from tinct.batch.places import bare
from tinct.batch.plan import Task
from tinct.batch.workers import Answer, Crew, Job, Make, Pool, attempt, defect, read_ahead
from tinct.errors import AlreadyTinct, TinctError


class Interrupts:
    """How often the user has asked to stop."""

    def __init__(self) -> None:
        self.count = 0
        self.idle = False
        """Whether nothing is under way: then the first one raises, too."""


def run(
    tasks: Sequence[Task],
    *,
    make: Make,
    reporter: Reporter,
    jobs: int = 1,
    skip_own: bool = True,
    crew: Callable[[], AbstractContextManager[Crew]] | None = None,
) -> Summary:
    """Carry out a plan. Ctrl-C once finishes the files under way, twice stops at once.

    Args:
        tasks: from `tinct.batch.plan.make_plan`.
        make: gives the function that colours one file; called once for each worker, and picklable
            where `jobs` is more than 1.
        reporter: hears of everything.
        jobs: worker processes; 1 works in this one.
        skip_own: whether Tinct's own results among a folder's files are passed over; those that
            the user named are always refused.
        crew: brings the workers of another engine, which is done only where there is work;
            `jobs` says nothing then.

    Returns:
        The tally; its `exit_code` is the run's. `aborted` says why no file could be coloured.
    """
    summary = Summary(total=len(tasks))
    try:
        reporter.planned(tasks)
        with interruptible(reporter.notice) as interrupts:
            work = Work(tasks, reporter, summary, skip_own=skip_own)
            waiting = work.settled()
            to_do = sum(task.action == "colour" for task in tasks)
            if crew is not None and to_do:
                interrupts.idle = True  # nothing is under way before they are there
                with crew() as workers:
                    interrupts.idle = False
                    together(work, waiting, workers, interrupts)
            elif jobs == 1 or to_do < 2:
                _alone(work, waiting, make, interrupts)
            else:
                with Pool(make, size=jobs) as pool:
                    together(work, waiting, pool, interrupts)
            summary.interrupted = interrupts.count > 0
    except KeyboardInterrupt:
        summary.interrupted = True
    except BrokenPipeError:  # nobody reads what is reported
        raise
    except Exception as error:
        summary.aborted = error if isinstance(error, TinctError) else defect(error)
        reporter.aborted(summary.aborted)
    finally:
        reporter.finished(summary)
    return summary


class Work:
    """The plan, what was heard of it, and who is told."""

    def __init__(
        self, tasks: Sequence[Task], reporter: Reporter, summary: Summary, *, skip_own: bool
    ) -> None:
        self._tasks = tasks
        self._reporter = reporter
        self._summary = summary
        self._skip_own = skip_own

    def settled(self) -> Iterator[Job]:
        """Report what the plan has decided already, and give the rest as jobs."""
        for number, task in enumerate(self._tasks):
            if task.problem is not None:
                self._fail(task, task.problem)
            elif task.skip is not None:
                self._skip(task, task.skip)
            elif task.target is not None:
                source, target = bare(task.source), bare(task.target)
                yield Job(number, source, target, task.overwrite, task.variant, task.again)

    def begin(self, job: Job) -> None:
        """Tell that a job is begun."""
        self._reporter.begun(self._tasks[job.number], self._summary)

    def end(self, answer: Answer) -> None:
        """Tell what became of a job."""
        task = self._tasks[answer.number]
        if answer.fatal and answer.error is not None:
            raise answer.error
        if isinstance(answer.error, AlreadyTinct) and self._skip_own and not task.named:
            self._skip(task, answer.error.message)
        elif answer.error is not None:
            self._fail(task, answer.error)
        elif answer.result is not None and answer.result.status == "skipped":
            self._skip(task, next(iter(answer.result.warnings), "has colours already"))
        elif answer.result is not None:
            self._summary.done += 1
            result = answer.result
            self._summary.megapixels += result.width * result.height * result.pages / 1e6
            self._reporter.done(task, result)

    def _skip(self, task: Task, reason: str) -> None:
        self._summary.skipped += 1
        self._summary.before += task.before is not None and task.before.event == "done"
        self._reporter.skipped(task, reason)

    def _fail(self, task: Task, error: TinctError) -> None:
        self._summary.failures.append((task.source, error))
        self._reporter.failed(task, error)


def _alone(work: Work, waiting: Iterator[Job], make: Make, interrupts: Interrupts) -> None:
    colour = None
    for job in _read_ahead(waiting, 1):
        if interrupts.count:
            return
        colour = colour or make()
        work.begin(job)
        work.end(attempt(colour, job))


def together(work: Work, waiting: Iterator[Job], pool: Crew, interrupts: Interrupts) -> None:
    """Have workers do all jobs, and come back when none is under way."""
    waiting = _read_ahead(waiting, pool.size)
    while True:
        while not interrupts.count and pool.has_room and (job := next(waiting, None)):
            work.begin(job)
            pool.give(job)
        if not pool.is_busy:
            return
        for answer in pool.answers():
            work.end(answer)


def _read_ahead(waiting: Iterator[Job], ahead: int) -> Iterator[Job]:
    """The same jobs; files of the next ones come from the disk while others are coloured."""
    following: deque[Job] = deque()
    for job in waiting:
        following.append(job)
        read_ahead(job.source)
        if len(following) > ahead:
            yield following.popleft()
    yield from following


@contextmanager
def interruptible(notice: Callable[[str], None]) -> Iterator[Interrupts]:
    """Count Ctrl-C instead of raising; the second one, and SIGTERM, raise KeyboardInterrupt.

    Args:
        notice: told once, at the first Ctrl-C.
    """
    interrupts = Interrupts()

    def on_interrupt(number: int, _: FrameType | None) -> None:
        interrupts.count += 1
        if number == signal.SIGTERM or interrupts.count > 1 or interrupts.idle:
            raise KeyboardInterrupt
        with suppress(RuntimeError):  # the signal came in the middle of another line
            notice("finishing the current file; press Ctrl-C again to stop now")

    try:
        before = [(it, signal.signal(it, on_interrupt)) for it in (signal.SIGINT, signal.SIGTERM)]
    except ValueError:  # only the main thread hears of signals
        yield interrupts
        return
    try:
        yield interrupts
    finally:
        for number, handler in before:
            signal.signal(number, handler)
