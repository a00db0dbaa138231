"""Slow engine calls beside each other and beside other work, with an orderly end when somebody interrupts."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

In = TypeVar("In")
Out = TypeVar("Out")


def workers() -> int:
    """Engines are bound by the CPU: more than twice the cores at once only makes each call slower."""
    return max(4, min(16, 2 * (os.cpu_count() or 2)))


def ahead(work: Callable[[], Out]) -> Callable[[], Out]:
    """Begin `work` now. What comes back waits for its end, and returns or raises what it did.

    Whoever leaves without asking abandons it: `work` must change nothing.
    """
    import threading

    outcome: list[Callable[[], Out]] = []

    def carry_out() -> None:
        try:
            value = work()
        except BaseException as error:
            outcome.append(partial(_raise, error))
        else:
            outcome.append(lambda: value)

    thread = threading.Thread(target=carry_out, daemon=True)
    thread.start()

    def result() -> Out:
        thread.join()
        return outcome[0]()

    return result


def _raise(error: BaseException) -> NoReturn:
    raise error


def in_parallel(work: Callable[[In], Out], inputs: Sequence[In]) -> Iterator[Out]:
    """The results as they come. When the caller stops taking them, what has not begun is not begun."""
    if len(inputs) < 2:
        yield from map(work, inputs)
        return
    from concurrent.futures import ThreadPoolExecutor, as_completed

    pool = ThreadPoolExecutor(workers())
    try:
        for future in as_completed([pool.submit(work, item) for item in inputs]):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
