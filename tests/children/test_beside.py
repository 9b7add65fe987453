"""A part of a stream's work in a thread of its own: in order, bounded, and its failures are heard."""

import threading
from collections.abc import Iterable

import pytest

from sfa.ports.children import beside


class Work:
    """Note what is done, by which thread; fail at one item."""

    def __init__(self, bad: int = -1) -> None:
        self.bad = bad
        self.done: list[int] = []
        self.threads: set[int] = set()

    def __call__(self, number: int) -> None:
        if number == self.bad:
            raise ValueError(f"number {number}")
        self.done.append(number)
        self.threads.add(threading.get_ident())

    def through(self, items: Iterable[int], apart: bool, error: Exception | None = None) -> None:
        """Hand the items over, then fail."""
        with beside.worker(self, apart) as put:
            for item in items:
                put(item)
            if error:
                raise error


@pytest.mark.parametrize("apart", [True, False])
def test_everything_is_done_in_order_before_the_block_is_left(apart: bool) -> None:
    work = Work()
    work.through(range(50), apart)
    assert work.done == list(range(50))
    assert (work.threads == {threading.get_ident()}) is not apart


@pytest.mark.parametrize("apart", [True, False])
def test_what_the_work_raises_is_raised_and_nothing_is_done_after_it(apart: bool) -> None:
    work = Work(bad=3)
    with pytest.raises(ValueError, match="number 3"):
        work.through(range(50), apart)
    assert work.done == [0, 1, 2]


def test_a_failure_of_the_last_item_is_raised_by_leaving() -> None:
    with pytest.raises(ValueError, match="number 0"):
        Work(bad=0).through([0], apart=True)


def test_a_failure_of_the_block_is_the_one_that_is_raised_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(KeyError):
        Work(bad=0).through([0], apart=True, error=KeyError("block"))
    assert threading.active_count() == before


def test_whoever_reads_is_never_far_ahead() -> None:
    go, ahead = threading.Semaphore(0), list[int]()
    most = 0

    def work(number: int) -> None:
        go.acquire()
        ahead.remove(number)

    with beside.worker(work, True) as put:
        for number in range(20):
            ahead.append(number)
            most = max(most, len(ahead))
            if number > beside.AHEAD:
                go.release()
            put(number)
        for _ in range(20):
            go.release()
    assert most <= beside.AHEAD + 2
