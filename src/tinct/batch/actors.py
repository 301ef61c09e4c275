"""Workers of a cluster: actors of Ray, one for a core, each with the model loaded once.

Plain actors rather than Ray Data: that retries a block of rows for ever when its worker is lost,
so one picture that brings its worker down would stop the batch and take its neighbours through it
again and again; and it tells of blocks, not of pictures. Here it is known which picture each worker
has, as with `tinct.batch.workers.Pool`: a picture that lost its worker is given to another one,
at most so many times, and every result is noted as it comes.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

from tinct.batch.cluster import cluster
from tinct.batch.engine import EngineOptions
from tinct.batch.places import exists, is_of, sha256, state_of
from tinct.batch.workers import Answer, ColourFile, Job, Make, attempt, clean_up, defect
from tinct.errors import OutputExists, ResourceError, TinctError
from tinct.version import __version__

#: workers that one picture may lose
TRIES = 3
#: seconds to wait for a worker where there is none
PATIENCE = 300.0
#: seconds between two looks at how large the cluster is
LOOK = 5.0
#: seconds until a wait for answers ends without any, so that lost workers are seen to
WAIT = 1.0


class Painter:
    """Lives in a process of the cluster: one colouring function for all its pictures."""

    def __init__(self, make: Make) -> None:
        # read when libvips is loaded: there is one worker for each core
        os.environ.setdefault("VIPS_CONCURRENCY", "1")
        self._make = make
        self._colour: ColourFile | None = None
        self._loading = Lock()

    def hello(self) -> str:
        """The version of Tinct on that machine."""
        return __version__

    def paint(self, job: Job) -> Answer:
        """Colour one picture."""
        with self._loading:
            if self._colour is None:
                try:
                    self._colour = self._make()
                except TinctError as error:
                    return Answer(job.number, error=error, fatal=True)
                except Exception as error:
                    return Answer(job.number, error=defect(error), fatal=True)
        if job.again and not job.overwrite and _was_made(job):
            job = replace(job, overwrite=True)
        answer = attempt(self._colour, job)
        if isinstance(answer.error, OutputExists) and not job.overwrite and _was_made(job):
            # nothing was there when the plan was made: a worker of a run that was killed has ended
            # its last picture since
            answer = attempt(self._colour, replace(job, overwrite=True))
        result = answer.result
        if result is not None and result.state_out is None and isinstance(job.target, Path):
            # another machine may see a shared disk as it was a moment ago
            answer = replace(answer, result=replace(result, state_out=state_of(job.target)))
        return answer


def _was_made(job: Job) -> bool:
    """Whether the worker that was lost had put the result already: nothing was there before it."""
    try:
        return exists(job.target) and is_of(job.target, sha256(job.source))
    except (OSError, TinctError):
        return False


@dataclass
class _Worker:
    actor: Any
    hello: Any
    """The reference that tells that it is alive."""
    jobs: dict[Any, Job] = field(default_factory=dict)
    """What it was given, by reference, the first first."""


@contextmanager
def crew(
    make: Make, options: EngineOptions, *, remote: bool, notice: Callable[[str], None]
) -> Iterator[ActorPool]:
    """Workers of a cluster, for as long as the block takes.

    Args:
        make: called in each worker for its colouring function.
        options: which cluster, and how many workers.
        remote: whether pictures come or go over a net: then a worker moves some while it colours
            another.
        notice: told what the user should know.

    Raises:
        UsageError: Ray is not installed.
        ResourceError: there is no such cluster, or it has no worker.
    """
    pool = None
    try:
        with cluster(options.address, options.jobs) as ray:
            pool = ActorPool(
                ray, make, options.jobs or 0, at_once=2 if remote else 1, notice=notice
            )
            try:
                pool.wait_for_one()
                yield pool
            finally:
                pool.stop()
    finally:
        if pool is not None:
            for job in pool.left:  # what those that were stopped were writing
                clean_up(job)


class ActorPool:
    """A number of actors; as many as the cluster has cores, where that is not said."""

    def __init__(
        self, ray: Any, make: Make, jobs: int, *, at_once: int, notice: Callable[[str], None]
    ) -> None:
        """Ask for the first actors.

        Args:
            ray: the module, connected.
            make: as for `tinct.batch.run`.
            jobs: how many actors; 0 follows the cluster as it grows and shrinks.
            at_once: pictures that an actor has under way.
            notice: told what the user should know.
        """
        self._ray = ray
        self._make = ray.put(make)
        self._jobs = jobs
        self._at_once = at_once
        self._notice = notice
        self._class = ray.remote(num_cpus=1, max_restarts=0, max_concurrency=at_once)(Painter)
        self._ready: list[_Worker] = []
        self._coming: list[_Worker] = []
        self._again: list[Job] = []
        self._losses: Counter[int] = Counter()
        self._stillborn = 0
        self._looked = float("-inf")
        self._told = False
        self.left: list[Job] = []
        """What was under way when it was stopped."""
        self._grow()

    @property
    def size(self) -> int:
        """How many workers there are, or will be."""
        return max(1, len(self._ready) + len(self._coming))

    @property
    def has_room(self) -> bool:
        """Whether another job can be given out now; waits where there is nobody to give it to."""
        if self._again:
            return False
        self._look()
        if not self._ready:
            self.wait_for_one()
        return any(len(worker.jobs) <= self._at_once for worker in self._ready)

    @property
    def is_busy(self) -> bool:
        """Whether any job is under way."""
        return bool(self._again) or any(worker.jobs for worker in self._ready)

    def give(self, job: Job) -> None:
        """Hand a job to the worker that has least to do; one more than it works at waits there."""
        worker = min(self._ready, key=lambda one: len(one.jobs))
        reference = worker.actor.paint.remote(job)
        worker.jobs[reference] = job

    def answers(self) -> Iterator[Answer]:
        """Wait for something to happen, and give what ended."""
        self._look()
        while self._again:
            if not self._ready:
                self.wait_for_one()
            if all(len(worker.jobs) > self._at_once for worker in self._ready):
                break
            self.give(self._again.pop())
        owners = {reference: one for one in self._ready for reference in one.jobs}
        if not owners:
            return
        waited = list(owners)
        ended, _ = self._ray.wait(waited, num_returns=len(waited), timeout=0)
        if not ended:
            ended, _ = self._ray.wait(waited, num_returns=1, timeout=WAIT)
        lost: list[_Worker] = []
        for reference in ended:
            worker = owners[reference]
            answer = self._received(reference)
            if answer is not None:
                del worker.jobs[reference]
                self._losses.pop(answer.number, None)
                yield answer
            elif worker not in lost:
                lost.append(worker)
        for worker in lost:
            yield from self._lost(worker)

    def wait_for_one(self) -> None:
        """Wait until there is a worker.

        Raises:
            ResourceError: there is none after a long time.
        """
        until = time.monotonic() + PATIENCE
        while not self._ready:
            self._look(within=WAIT)
            if self._stillborn > 2 * self.size + TRIES:
                raise ResourceError("every worker of the cluster ends before it has begun")
            if not self._ready and time.monotonic() > until:
                raise ResourceError(
                    f"the cluster has had no worker for {PATIENCE:.0f} s",
                    remedy="see `ray status`: another job may have all its cores",
                )

    def stop(self) -> None:
        """End all workers at once."""
        self.left = [job for worker in self._ready for job in worker.jobs.values()]
        for worker in (*self._ready, *self._coming):
            self._kill(worker)
        self._ready, self._coming = [], []

    # ---- who is there -------------------------------------------------------------------

    def _look(self, *, within: float = 0) -> None:
        """Take in workers that have come, and ask for more where the cluster has grown."""
        if time.monotonic() - self._looked > LOOK:
            self._grow()
        if not self._coming:
            if within and not self._ready:
                time.sleep(within)
            return
        hellos = {worker.hello: worker for worker in self._coming}
        come, _ = self._ray.wait(
            list(hellos), num_returns=1 if within else len(hellos), timeout=within
        )
        for reference in come:
            worker = hellos[reference]
            self._coming.remove(worker)
            if self._greeted(reference):
                self._ready.append(worker)
            else:
                self._stillborn += 1

    def _greeted(self, reference: Any) -> bool:
        errors = self._ray.exceptions
        try:
            version = self._ray.get(reference)
        except (errors.ActorUnschedulableError, errors.RayTaskError, errors.RayActorError) as error:
            if "import" in str(error) or "No module named" in str(error):
                raise ResourceError(
                    "a machine of the cluster cannot load Tinct",
                    remedy=f'install "tinct[cluster]" {__version__} on every one',
                ) from error
            return False
        if version != __version__:
            raise ResourceError(
                f"a machine of the cluster has Tinct {version}, and this one {__version__}",
                remedy="install the same version on every one",
            )
        return True

    def _grow(self) -> None:
        self._looked = time.monotonic()
        wanted = self._jobs or int(self._ray.cluster_resources().get("CPU", 0))
        for _ in range(wanted - len(self._ready) - len(self._coming)):
            actor = self._class.remote(self._make)
            self._coming.append(_Worker(actor, actor.hello.remote()))

    def _received(self, reference: Any) -> Answer | None:
        """What became of a job; None where its worker was lost."""
        try:
            answer: Answer = self._ray.get(reference)
        except (self._ray.exceptions.RayError, ConnectionError):
            return None
        return answer

    def _lost(self, worker: _Worker) -> Iterator[Answer]:
        """See to the jobs of a worker that is gone; those it had ended are told of as ever."""
        self._ready.remove(worker)
        self._kill(worker)  # it may only be out of reach, and must not write any more
        if not self._told:
            self._told = True
            self._notice("a worker was lost; what it had is coloured by others")
        under_way = 0
        for reference, job in worker.jobs.items():
            ended, _ = self._ray.wait([reference], timeout=WAIT)
            answer = self._received(reference) if ended else None
            if answer is not None:
                yield answer
                continue
            under_way += 1
            if under_way <= self._at_once:  # the others had only been waiting
                self._losses[job.number] += 1
                clean_up(job)
            if self._losses[job.number] >= TRIES:
                yield Answer(
                    job.number,
                    error=ResourceError(
                        f"{TRIES} workers were lost while they coloured it, most likely for lack "
                        "of memory",
                        where=str(job.source),
                        remedy="use fewer --jobs, or machines with more memory",
                    ),
                )
            else:
                self._again.append(replace(job, again=True))
        self._looked = float("-inf")

    def _kill(self, worker: _Worker) -> None:
        with suppress(Exception):  # it is gone already, or its cluster is
            self._ray.kill(worker.actor, no_restart=True)
