"""Do one part of a stream's work in a thread beside the other: NumPy, soxr and soundfile let go of the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Queue
from threading import Thread
from typing import TypeVar

AHEAD = 2
"""Items that may wait: whoever reads is never further ahead, and memory stays bounded."""


T = TypeVar("T")


@contextmanager
def worker(work: Callable[[T], None], apart: bool) -> Iterator[Callable[[T], None]]:
    """Give a function that has ``work`` done with an item: in a thread, in the order of its calls, where ``apart``, else at once.

    Leaving the block waits for all of them. What ``work`` raises is raised by the next call, or by leaving; the items after
    it are dropped. Where the block itself fails, what waits is dropped too.
    """
    if not apart:
        yield work
        return
    waiting: Queue[list[T]] = Queue(AHEAD)  # an item as a list of one; none ends it
    failed: list[BaseException] = []

    def run() -> None:
        while item := waiting.get():
            if failed:
                continue
            try:
                work(item[0])
            except BaseException as error:  # noqa: BLE001 - raised where it can be dealt with
                failed.append(error)

    def put(item: T) -> None:
        if failed:
            raise failed[0]
        waiting.put([item])

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield put
    except BaseException as error:
        failed.append(error)
        raise
    finally:
        waiting.put([])
        thread.join()
    if failed:
        raise failed[0]
