"""Work on many things side by side, with the outcomes in the order of the things."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Thing = TypeVar("Thing")
Outcome = TypeVar("Outcome")


def side_by_side(
    work: Callable[[Thing], Outcome], things: Iterable[Thing], *, threads: int | None = None
) -> Iterator[Outcome]:
    """The outcomes in order; a few things are worked on, and no more are held, at a time.

    Codecs and numpy let other threads go on while they work, so threads do.
    """
    count = threads or os.cpu_count() or 1
    waiting: deque[Future[Outcome]] = deque()
    with ThreadPoolExecutor(count) as pool:
        try:
            for thing in things:
                waiting.append(pool.submit(work, thing))
                if len(waiting) > 4 * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:  # left early: what has not begun need not be done
                future.cancel()
