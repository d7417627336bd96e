"""Who has the token decides: an interrupt is raised in the code that it is meant for, or nowhere."""

from __future__ import annotations

import logging
import random
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from common.broker.interrupts import CancelInterrupt, Guard, JobInterrupt, raise_missed_again
from support.waiting import wait_until

ROUNDS = 3_000


@pytest.fixture
def hurried() -> Iterator[None]:
    """Have threads take turns far more often than they do."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


class Striker:
    """Strikes whatever guard it is shown, after a moment that nobody knows."""

    def __init__(self) -> None:
        self.shown: Guard | None = None
        self._ends = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Striker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends = True
        self._thread.join()

    def _run(self) -> None:
        draw = random.Random(1)
        while not self._ends:
            guard = self.shown
            for _ in range(draw.randrange(300)):
                pass
            if guard is not None:
                guard.strike(CancelInterrupt)


def spin(steps: int) -> int:
    done = 0
    for _ in range(steps):
        done += 1
    return done


def test_nothing_is_raised_after_the_code_has_returned_however_close_it_is(hurried: None) -> None:
    draw = random.Random(2)
    struck = 0
    with Striker() as striker:
        for _ in range(ROUNDS):
            guard = striker.shown = Guard(threading.get_ident())
            try:
                assert guard.run(spin, (draw.randrange(400),), {}) >= 0
            except CancelInterrupt:
                struck += 1
            # What is raised late comes up here, where nobody expects it.
            spin(100)
    assert 0 < struck < ROUNDS


def test_what_is_kept_together_is_not_torn(hurried: None) -> None:
    draw = random.Random(3)
    begun = ended = struck = 0

    def write(guard: Guard, times: int) -> None:
        nonlocal begun, ended
        for _ in range(times):
            with guard:
                begun += 1
                spin(20)
                with guard:  # as a report does while a message is sent
                    ended += 1
            spin(40)

    with Striker() as striker:
        for _ in range(ROUNDS):
            guard = striker.shown = Guard(threading.get_ident())
            try:
                guard.run(write, (guard, draw.randrange(10)), {})
            except CancelInterrupt:
                struck += 1
    assert begun == ended
    assert 0 < struck < ROUNDS


def test_code_that_cleans_up_may_still_keep_things_together() -> None:
    guard = Guard(threading.get_ident())
    kept: list[str] = []

    def work() -> None:
        striker = threading.Thread(target=guard.strike, args=(CancelInterrupt,))
        try:
            striker.start()
            while True:
                spin(100)
        finally:
            with guard:
                kept.append("once more")

    with pytest.raises(CancelInterrupt):
        guard.run(work, (), {})
    assert kept == ["once more"]


def test_it_is_no_exception_that_code_would_swallow_and_is_raised_once() -> None:
    guard = Guard(threading.get_ident())

    def stubborn() -> str:
        striker = threading.Thread(target=guard.strike, args=(CancelInterrupt,))
        try:
            striker.start()
            while True:
                try:
                    spin(100)
                except Exception:
                    pytest.fail("an `except Exception` caught it")
        except JobInterrupt:
            striker.join()
        # Who catches it on purpose has been told, and may end well.
        guard.strike(CancelInterrupt)
        spin(10_000)
        return "ended well"

    assert guard.run(stubborn, (), {}) == "ended well"


def test_logging_keeps_no_lock_of_a_thread_that_was_struck(hurried: None) -> None:
    """A handler's lock is taken a step before the block that gives it back."""
    logger = logging.Logger("struck")
    handler = logging.StreamHandler(Nowhere())
    logger.addHandler(handler)

    def write() -> None:
        for _ in range(20):
            logger.warning("a line")

    with Striker() as striker:
        for _ in range(300):
            guard = striker.shown = Guard(threading.get_ident())
            try:
                guard.run(write, (), {})
            except CancelInterrupt:
                continue
    lock = handler.lock
    assert lock is not None
    free: list[bool] = []
    other = threading.Thread(target=lambda: free.append(lock.acquire(timeout=5)))
    other.start()
    wait_until(lambda: free)
    assert free == [True]


class Seen:
    """Something that weak references may point to."""


def test_none_is_lost_in_a_weak_reference_that_is_dropped(hurried: None) -> None:
    """Python prints what is raised in its callback, and forgets it: the code would run on for ever."""
    raise_missed_again()
    alive: weakref.WeakSet[Seen] = weakref.WeakSet()

    def drop() -> None:
        for _ in range(300):
            alive.add(Seen())

    struck = 0
    with Striker() as striker:
        for _ in range(1_000):
            guard = striker.shown = Guard(threading.get_ident())
            try:
                guard.run(drop, (), {})
            except CancelInterrupt:
                struck += 1
            else:
                assert not guard.strike(CancelInterrupt), "it was struck, and nothing came of it"
    assert struck > 0


def test_what_is_entered_is_left(hurried: None) -> None:
    """A condition takes its lock in a function of its own, before the block that gives it back."""
    condition = threading.Condition(threading.Lock())

    def enter() -> None:
        for _ in range(20):
            with condition:
                spin(3)

    struck = 0
    with Striker() as striker:
        for _ in range(ROUNDS):
            guard = striker.shown = Guard(threading.get_ident())
            try:
                guard.run(enter, (), {})
            except CancelInterrupt:
                struck += 1
            assert condition.acquire(blocking=False), "its lock is still taken"
            condition.release()
    assert struck > 0


class Nowhere:
    """A stream that a writer waits for now and then, as for any other."""

    def write(self, text: Any) -> None:
        spin(10)

    def flush(self) -> None:
        spin(1)
