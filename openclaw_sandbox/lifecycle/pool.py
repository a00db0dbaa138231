"""Several slow engine calls at once, and an orderly end when somebody interrupts them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

In = TypeVar("In")
Out = TypeVar("Out")


def workers() -> int:
    """Engines are bound by the CPU: more than twice the cores at once only makes each call slower."""
    return max(4, min(16, 2 * (os.cpu_count() or 2)))


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
