"""Stages that run side by side: a generator moved to a thread, and jobs spread over threads in order."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")
_END = object()


def prefetch(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """Yields the items while a thread already makes the next `depth` of them.

    An error in the thread is raised here; when the consumer stops early the thread ends after its current item.
    """
    ready: queue.Queue = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def put(item) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        source = iter(items)
        try:
            for item in source:
                if not put((item, None)):
                    break
            else:
                put((_END, None))
        except BaseException as error:
            put((_END, error))
        finally:
            close = getattr(source, "close", None)
            if close:
                close()

    thread = threading.Thread(target=work, daemon=True, name="motion-control-prefetch")
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stop.set()
        thread.join(timeout=10)


def spread(work: Callable[[T], R], items: Iterable[T], workers: int | None = None) -> Iterator[R]:
    """work(item) of every item, in order, several at once, each on one torch thread.

    Splitting frames over threads beats splitting each small operation over them: two workers with one thread each
    draw 1.5 times as many frames on two cores as one worker with two threads. At most workers + 1 results wait.
    """
    workers = workers or min(8, os.cpu_count() or 1)
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, "motion-control-draw", initializer=torch.set_num_threads, initargs=(1,))
    waiting: deque = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        pool.shutdown(wait=True)
        torch.set_num_threads(threads)  # the workers' setting is their own, but new threads would inherit it
