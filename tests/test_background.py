from __future__ import annotations

import threading

import pytest

from tinct.background import Background


def test_the_value_comes_from_another_thread() -> None:
    gate = threading.Event()

    def work() -> str:
        gate.wait()
        return threading.current_thread().name

    waiting = Background(work)
    gate.set()
    assert waiting.result() != threading.current_thread().name
    assert waiting.result() == waiting.result()


def test_the_error_comes_to_the_one_who_waits() -> None:
    waiting = Background(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        waiting.result()
