"""engine.pipeline: a generator on a thread, jobs over threads in order."""

import threading
import time

import pytest
import torch

from motion_control.engine.pipeline import prefetch, spread


def threads_named(name):
    return [thread for thread in threading.enumerate() if thread.name.startswith(name)]


def wait_until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_prefetch_keeps_order_and_works_on_a_thread_of_its_own():
    seen = []

    def items():
        for number in range(20):
            seen.append(threading.current_thread())
            yield number

    assert list(prefetch(items())) == list(range(20))
    assert threading.current_thread() not in seen and len(set(seen)) == 1
    assert list(prefetch([])) == []
    assert list(prefetch(iter([None, None]))) == [None, None]


def test_prefetch_stays_only_a_few_items_ahead():
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    stream = prefetch(items(), depth=3)
    next(stream)
    assert wait_until(lambda: len(made) >= 4)
    time.sleep(0.3)
    assert len(made) <= 6
    stream.close()


def test_prefetch_raises_the_error_after_the_items_before_it():
    def items():
        yield 1
        yield 2
        raise KeyError("third")

    got = []
    with pytest.raises(KeyError, match="third"):
        for item in prefetch(items()):
            got.append(item)
    assert got == [1, 2]


def test_prefetch_ends_its_thread_and_its_source_when_the_consumer_stops():
    closed = []

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.append(threading.current_thread().name)

    before = len(threads_named("motion-control-prefetch"))
    stream = prefetch(items())
    assert next(stream) == 0
    assert len(threads_named("motion-control-prefetch")) == before + 1
    stream.close()
    assert len(threads_named("motion-control-prefetch")) == before
    assert closed == ["motion-control-prefetch"]


def test_prefetch_ends_its_thread_when_the_consumer_fails():
    before = len(threads_named("motion-control-prefetch"))
    with pytest.raises(ZeroDivisionError):
        for item in prefetch(range(1000)):
            item / 0
    assert wait_until(lambda: len(threads_named("motion-control-prefetch")) == before)


def test_spread_keeps_order_although_later_items_are_done_first():
    def work(item):
        time.sleep(0.05 if item % 4 == 0 else 0.001)
        return item * item

    assert list(spread(work, range(25), workers=4)) == [i * i for i in range(25)]
    assert list(spread(work, [], workers=4)) == []


def test_spread_does_several_at_once_and_few_wait():
    running, most, begun = set(), [0], []
    lock = threading.Lock()

    def work(item):
        with lock:
            running.add(item)
            begun.append(item)
            most[0] = max(most[0], len(running))
        time.sleep(0.02)
        with lock:
            running.discard(item)
        return item

    stream = spread(work, range(60), workers=3)
    assert next(stream) == 0
    time.sleep(0.3)
    assert len(begun) <= 5  # nothing runs away while nobody takes
    assert list(stream) == list(range(1, 60))
    assert most[0] == 3


def test_spread_raises_the_error_of_its_item_and_stops():
    begun = []

    def work(item):
        begun.append(item)
        if item == 3:
            raise KeyError("three")
        return item

    got = []
    with pytest.raises(KeyError, match="three"):
        for result in spread(work, range(1000), workers=2):
            got.append(result)
    assert got == [0, 1, 2] and len(begun) < 12
    assert threads_named("motion-control-draw") == []


def test_spread_raises_the_error_of_its_source():
    def items():
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(spread(lambda item: item, items(), workers=2))
    assert threads_named("motion-control-draw") == []


@pytest.mark.parametrize("way", ["end", "stop", "error"])
def test_spread_works_with_one_torch_thread_each_and_restores_the_setting(way):
    before = torch.get_num_threads()
    wanted = before + 1
    torch.set_num_threads(wanted)
    try:
        inside = []

        def work(item):
            inside.append(torch.get_num_threads())
            if way == "error" and item == 4:
                raise ValueError
            return item

        stream = spread(work, range(9), workers=2)
        if way == "end":
            list(stream)
        elif way == "stop":
            next(stream)
            stream.close()
        else:
            with pytest.raises(ValueError):
                list(stream)
        assert set(inside) == {1}
        assert torch.get_num_threads() == wanted
        fresh = []  # the setting of the workers is their own, but a new thread takes over the last one that was made
        thread = threading.Thread(target=lambda: fresh.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert fresh == [wanted]
    finally:
        torch.set_num_threads(before)
