from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tinct.background import Background, ahead


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


def test_results_come_in_the_order_of_the_items() -> None:
    first = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            first.wait()  # the second is done sooner
        else:
            first.set()
        return item * item

    assert list(ahead(work, range(20), most=2)) == [item * item for item in range(20)]


def test_no_more_is_in_work_than_was_allowed() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(10):
            taken.append(item)
            yield item

    for given, _ in enumerate(ahead(lambda item: item, items(), most=3), 1):
        assert len(taken) <= given + 3


def test_all_items_are_fetched_by_one_thread() -> None:
    names = set()

    def items() -> Iterator[int]:
        for item in range(8):
            names.add(threading.current_thread().name)
            yield item

    assert len(list(ahead(lambda item: item, items(), most=4))) == 8
    assert len(names) == 1


def test_an_error_comes_after_what_was_before_it() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2)
        raise OSError("gone")

    results = ahead(lambda item: item, items(), most=2)
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(OSError, match="gone"):
        next(results)


def test_an_error_of_the_work_comes_in_its_place() -> None:
    results = ahead(lambda item: 1 // item, [1, 0, 1], most=2)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_who_stops_early_leaves_no_thread_and_an_ended_source() -> None:
    ended = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            ended.set()

    before = threading.active_count()
    results = ahead(lambda item: item, items(), most=2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert ended.is_set()
    assert threading.active_count() == before
