"""A value that is worked out in another thread while this one goes on."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

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
