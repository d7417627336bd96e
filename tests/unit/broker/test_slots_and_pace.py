"""How many jobs a worker leases: as many as can start now, and a little ahead where jobs are short."""

from __future__ import annotations

import queue
import threading

import pytest

from common.broker.pace import AHEAD_MAX, Pace
from common.broker.slots import Slots
from common.broker.work_queue import WorkQueue
from support.waiting import wait_until


def paced(slots: Slots, name: str, run_s: float, jobs: int = 50) -> None:
    for _ in range(jobs):
        slots.pace(name).note(run_s)


def test_nothing_is_leased_ahead_before_jobs_are_known() -> None:
    slots = Slots(4)
    assert slots.take("q", 0) == 4
    assert slots.take("q", 0) == 0


@pytest.mark.parametrize(
    ("run_s", "ahead"), [(0.00001, AHEAD_MAX), (0.001, 200), (0.004, 50), (0.02, 0), (5.0, 0)]
)
def test_about_fifty_milliseconds_of_work_are_leased_ahead(run_s: float, ahead: int) -> None:
    pace = Pace()
    for _ in range(200):
        pace.note(run_s)
    assert pace.ahead(threads=4) == pytest.approx(ahead, abs=1)


def test_a_few_jobs_of_six_milliseconds_are_not_taken_for_short_ones() -> None:
    pace = Pace()
    for _ in range(20):
        pace.note(0.006)
        assert pace.ahead(threads=4) == 0


def test_one_long_job_ends_leasing_ahead_at_once() -> None:
    pace = Pace()
    for _ in range(50):
        pace.note(0.0001)
    assert pace.ahead(4) > 0
    pace.note(2.0)
    assert pace.ahead(4) == 0


def test_a_limited_queue_is_never_leased_ahead() -> None:
    slots = Slots(8, {"few": 2})
    paced(slots, "few", 0.0001)
    assert slots.take("few", 0) == 2
    assert slots.take("few", 0) == 0
    assert slots.take("other", 0) == 6


def test_busy_threads_fetch_many_at_a_time() -> None:
    slots = Slots(2)
    paced(slots, "q", 0.001)
    held = slots.take("q", 0)
    assert held == 2 + 100
    # While all threads are busy, a few slots are not worth a fetch; half of them are.
    slots.give("q", 50)
    assert slots.take("q", 0) == 0
    slots.give("q", 1)
    assert slots.take("q", 0) == 51


def test_who_waits_for_a_slot_hears_of_one() -> None:
    slots = Slots(1)
    assert slots.take("q", 0) == 1
    taken: list[int] = []
    waiter = threading.Thread(target=lambda: taken.append(slots.take("q", 20)))
    waiter.start()
    slots.give("q", 1)
    waiter.join()
    assert taken == [1]


def test_closed_slots_are_taken_by_no_one() -> None:
    slots = Slots(3)
    slots.close()
    assert slots.take("q", 0) == 0


def test_the_work_queue_counts_what_is_not_done() -> None:
    work = WorkQueue()
    for number in range(3):
        work.put(number)
    assert [work.get(timeout=0.1) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(queue.Empty):
        work.get(timeout=0.01)
    assert work.unfinished_tasks == 3
    for _ in range(3):
        work.task_done()
    work.join()


def test_a_batch_wakes_as_many_threads_as_it_has_items_for() -> None:
    work = WorkQueue()
    got: list[int] = []
    threads = [threading.Thread(target=lambda: got.append(work.get(timeout=20))) for _ in range(3)]
    for thread in threads:
        thread.start()
    work.put_all([1, 2, 3, 4])
    for thread in threads:
        thread.join()
    assert sorted(got) == [1, 2, 3]
    assert work.get_nowait() == 4


def test_few_threads_run_a_batch_of_short_jobs_and_the_others_join_in_when_woken() -> None:
    work = WorkQueue()
    got: list[int] = []
    threads = [threading.Thread(target=lambda: got.append(work.get(timeout=20))) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: work.waiting == 3)
    work.put_all([1, 2, 3], threads=1)
    wait_until(lambda: got == [1])
    assert work.waiting == 2
    work.wake_all()
    for thread in threads:
        thread.join()
    assert sorted(got) == [1, 2, 3]


@pytest.mark.parametrize(("run_s", "threads"), [(0.00002, 1), (0.0002, 3), (0.002, 21), (0.1, 100)])
def test_a_thread_is_woken_for_ten_milliseconds_of_work(run_s: float, threads: int) -> None:
    pace = Pace()
    assert pace.threads_for(100) == 100
    for _ in range(50):
        pace.note(run_s)
    assert pace.threads_for(100) == threads
    assert pace.threads_for(1) == 1


def test_who_joins_the_work_queue_waits_until_all_is_done() -> None:
    work = WorkQueue()
    work.put_all(["a", "b"])
    joining = threading.Thread(target=work.join)
    joining.start()
    for _ in range(2):
        assert joining.is_alive()
        work.get_nowait()
        work.task_done()
    joining.join(20)
    assert not joining.is_alive()
    assert work.empty()


def test_the_work_queue_knows_when_it_is_stuck() -> None:
    work = WorkQueue()
    assert work.stuck_s == 0
    work.put("first")
    work.put("second")
    assert work.get_nowait() == "first"
    wait_until(lambda: work.stuck_s > 0.02)
    work.get_nowait()
    assert work.stuck_s == 0
