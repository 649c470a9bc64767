"""Seconds are counted once, by name and by thread, and only while somebody collects them."""

import threading
import time

from sunbreak.clock import collecting, spent_on


def test_inner_pieces_are_not_counted_twice_and_threads_stand_apart():
    def elsewhere():
        with spent_on("beside"):
            time.sleep(0.05)

    with collecting() as seconds:
        other = threading.Thread(target=elsewhere)
        start = time.perf_counter()
        with spent_on("outer"):
            other.start()
            time.sleep(0.02)
            with spent_on("inner"):
                time.sleep(0.04)
            other.join()
        whole = time.perf_counter() - start
    assert set(seconds.main) == {"outer", "inner"}
    assert seconds.main["inner"] >= 0.04
    assert sum(seconds.main.values()) <= whole + 1e-3
    assert sum(seconds.main.values()) >= 0.95 * whole
    assert set(seconds.others) == {"beside"}
    assert seconds.others["beside"] >= 0.05


def test_whoever_collected_before_is_told_too():
    with collecting() as outer:
        with spent_on("first"):
            pass
        with collecting() as inner, spent_on("second"):
            pass
    assert set(inner.main) == {"second"}
    assert set(outer.main) == {"first", "second"}


def test_nobody_collects_nothing_is_kept():
    with spent_on("before"):
        pass
    with collecting() as seconds:
        pass
    with spent_on("after"):
        pass
    assert not seconds.main
    assert not seconds.others
