"""Two workers and two schedulers, killed, frozen, cut off. At the end everything is counted.

`make chaos` runs these for long, prints the figures and holds them to the bars.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from support.chaos.fleet import Figures, Fleet, fleet

# One fleet for all of them.
pytestmark = [pytest.mark.xdist_group("fleet"), pytest.mark.timeout(900)]

LEASE_MS = 1_000
#: How long `make chaos` is asked to go on; without it, everything is short and nothing is timed.
SEEDS = int(os.environ.get("CHAOS_SEEDS", "0"))
STOPS_S = (1, 5, 15) if SEEDS else (1,)
STORM_STEPS = 40 if SEEDS else 8
#: What `make chaos` holds the figures to (ms).
RECOVERY_MAX_MS = LEASE_MS + 1_000
BACK_MAX_MS = 5_000


@pytest.fixture(scope="module", params=["forks", "services"] if SEEDS else ["forks"])
def under_fire(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    services = request.param == "services"
    with fleet(tmp_path_factory.mktemp("fleet"), LEASE_MS, services=services) as started:
        yield started


def report(figures: Figures, *, back_ms: int | None = None, bars: bool = True) -> None:
    """Print what was seen and hold it to the bars, if this run is a long one."""
    if not SEEDS:
        return
    print(f"\n  {figures}" + ("" if back_ms is None else f", all workers back after {back_ms} ms"))
    if bars and figures.recovery_ms is not None:
        assert figures.recovery_ms <= RECOVERY_MAX_MS
    if back_ms is not None:
        assert back_ms <= BACK_MAX_MS


def test_nothing_is_lost_when_a_random_worker_is_killed_twenty_times_in_a_row(under_fire: Fleet) -> None:
    chance = random.Random(SEEDS)
    with under_fire.ordering(duration_ms=20):
        for _ in range(20):
            under_fire.wait_for_effects(12)
            under_fire.kill_worker(chance)
    report(under_fire.check())


@pytest.mark.parametrize("for_s", STOPS_S)
def test_nothing_is_lost_while_the_server_stands_still(under_fire: Fleet, for_s: int) -> None:
    with under_fire.ordering(duration_ms=20):
        under_fire.wait_for_effects(50)
        under_fire.freeze_server(for_s)
        back_ms = under_fire.wait_until_all_workers_start_jobs()
        under_fire.wait_for_effects(50)
    report(under_fire.check(), back_ms=back_ms)


@pytest.mark.parametrize("for_s", STOPS_S)
def test_nothing_is_lost_when_the_server_crashes_and_comes_back(under_fire: Fleet, for_s: int) -> None:
    with under_fire.ordering(duration_ms=20):
        under_fire.wait_for_effects(50)
        under_fire.crash_server(for_s)
        back_ms = under_fire.wait_until_all_workers_start_jobs()
        under_fire.wait_for_effects(50)
    report(under_fire.check(), back_ms=back_ms)


def test_a_worker_that_wakes_after_its_lease_changes_nothing(under_fire: Fleet) -> None:
    chance = random.Random(SEEDS)
    with under_fire.ordering(duration_ms=200, ahead=40):
        for _ in range(3 if SEEDS else 1):
            under_fire.wait_for_effects(20)
            under_fire.freeze_worker(chance, 2.5 * LEASE_MS / 1000)
    figures = under_fire.check()
    assert figures.lost > 0
    report(figures)


@pytest.mark.parametrize("seed", range(max(1, SEEDS)))
def test_nothing_is_lost_in_a_storm_of_everything(under_fire: Fleet, seed: int) -> None:
    """Also a storm of cut connections, as CLIENT KILL makes them."""
    chance = random.Random(seed)
    events = {
        "worker killed": lambda: under_fire.kill_worker(chance),
        "scheduler killed": lambda: under_fire.kill_scheduler(chance),
        "worker frozen": lambda: under_fire.freeze_worker(chance, chance.uniform(0.1, 2.0)),
        "server frozen": lambda: under_fire.freeze_server(chance.uniform(0.1, 1.5)),
        "server crashed": lambda: under_fire.crash_server(chance.uniform(0.0, 1.0)),
        "connections cut": under_fire.cut_connections,
    }
    with under_fire.ordering(duration_ms=20):
        for _ in range(STORM_STEPS):
            under_fire.wait_for_effects(chance.randrange(1, 40))
            events[chance.choice(list(events))]()
    report(under_fire.check(), bars=False)
