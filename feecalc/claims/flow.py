"""The rows of a file on their way, in order: cut into batches, and worked on a few batches ahead."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import polars as pl

WORKERS = 2
T = TypeVar("T")
R = TypeVar("R")


def batches(frames: Iterable[pl.DataFrame], ends: Sequence[int]) -> Iterator[pl.DataFrame]:
    """The rows of the frames in batches that end before the rows `ends`, the last of which is the end of all."""
    waiting: list[pl.DataFrame] = []
    have = done = 0
    cuts = iter(ends)
    end = next(cuts, None)
    for frame in frames:
        waiting.append(frame)
        have += frame.height
        if end is None or have < end - done:
            continue
        rows = pl.concat(waiting)
        at = 0
        while end is not None and end - done <= rows.height - at:
            yield rows.slice(at, end - done)
            at += end - done
            done = end
            end = next(cuts, None)
        waiting = [rows.slice(at)]
        have = rows.height - at


def ahead(work: Callable[[T], R], tasks: Iterable[T], workers: int) -> Iterator[tuple[T, R]]:
    """Tasks with their results, in order, a few worked on ahead of their turn."""
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[tuple[T, Future[R]]] = deque()
        for task in tasks:
            under_way.append((task, pool.submit(work, task)))
            if len(under_way) > workers:
                first, future = under_way.popleft()
                yield first, future.result()
        for first, future in under_way:
            yield first, future.result()
