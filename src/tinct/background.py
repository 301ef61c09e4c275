"""Values that are worked out in other threads while this one goes on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


class Background(Generic[Value]):
    """Runs a function at once; `result` waits for it, and so does leaving it as a context.

    Whoever hands it a file must not go on before it has let go of that file.

    What concurrent.futures does, without the logging that comes with importing it: a command
    that colours one small picture has been waited for by somebody.
    """

    def __init__(self, work: Callable[[], Value]) -> None:
        self._work = work
        self._value: list[Value] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="tinct-background")
        self._thread.start()

    def __enter__(self) -> Background[Value]:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            self._value.append(self._work())
        except BaseException as error:  # whatever it is, the one who waits shall have it
            self._error = error

    def result(self) -> Value:
        """The value, or the exception that the function raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value[0]


def ahead(work: Callable[[Item], Value], items: Iterable[Item], *, most: int) -> Iterator[Value]:
    """What `work` makes of each item, in order, and of the next ones while the caller is busy.

    Items are fetched by one thread of their own, which some decoders insist on.

    Args:
        work: what leaves Python to itself for most of its time.
        items: what to work on.
        most: items in work at a time; so many results, and the one handed out, are held.
    """
    room, stop = Semaphore(most - 1), Event()
    begun: SimpleQueue[Background[Value] | BaseException | None] = SimpleQueue()

    def fetch() -> None:
        try:
            with ExitStack() as source:
                if isinstance(items, Generator):
                    source.callback(items.close)
                for item in items:
                    begun.put(Background(partial(work, item)))
                    room.acquire()
                    if stop.is_set():
                        break
            begun.put(None)
        except BaseException as error:  # whatever it is, the one who waits shall have it
            begun.put(error)

    # whoever forgets to close this iterator shall not keep the program from ending
    fetcher = Thread(target=fetch, name="tinct-ahead", daemon=True)
    fetcher.start()
    try:
        while (next_one := begun.get()) is not None:
            if isinstance(next_one, BaseException):
                raise next_one
            value = next_one.result()
            room.release()
            yield value
    finally:
        stop.set()
        room.release()
        fetcher.join()
