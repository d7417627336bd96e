"""`bothsides demo` as a newcomer meets it: the real services, a real debate, and nothing left behind."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToJson

from support.debates import debate
from support.processes import expect_none_left
from support.running import running
from support.waiting import wait_until

DEMO = (Path(sys.executable).with_name("bothsides"), "demo")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
#: The supervisor, the server, the scheduler, the monitor and a worker; children of the worker come on top.
PROCESSES = 5


@pytest.mark.parametrize(
    ("example", "speaker"), [(None, "Yara Lindenau"), (EXAMPLES / "school_phones.json", "Odile Wrenfield")]
)
def test_the_demo_shows_an_analysis_and_leaves_nothing(
    example: Path | None, speaker: str, tmp_path: Path
) -> None:
    """The caller's server and key are not asked: nothing answers there."""
    options = () if example is None else ("--file", example)
    caller = {"REDIS_URL": "redis://127.0.0.1:1", "OPENAI_API_KEY": "none", "SCHEDULER_ADDR": "nowhere:1"}
    with running((*DEMO, *options), tmp_path, caller) as demo:
        assert demo.end() == 0, demo.output()
        assert speaker in demo.output()
        assert demo.output().endswith("Everything is stopped.\n")
        assert demo.leftovers() == []


@pytest.mark.parametrize("processes", range(1, PROCESSES + 1))
def test_an_interrupt_while_the_demo_starts_leaves_nothing(processes: int, tmp_path: Path) -> None:
    with running(DEMO, tmp_path) as demo:
        wait_until(lambda: demo.process_count() >= processes)
        demo.process.send_signal(signal.SIGINT)
        assert demo.end() != 0
        assert demo.leftovers() == []


def long_debate(folder: Path) -> Path:
    """Write a debate whose analysis lasts long enough to be interrupted, on a busy machine too."""
    path = folder / "long.json"
    path.write_text(MessageToJson(debate(800), preserving_proto_field_name=True))
    return path


@pytest.mark.parametrize(
    ("number", "moment"), [(signal.SIGINT, "Ready after"), (signal.SIGTERM, "Analysing")]
)
def test_an_interrupt_while_the_demo_analyses_leaves_nothing(
    number: signal.Signals, moment: str, tmp_path: Path
) -> None:
    with running((*DEMO, "--file", long_debate(tmp_path)), tmp_path) as demo:
        wait_until(lambda: moment in demo.output(), timeout_s=60)
        demo.process.send_signal(number)
        assert demo.end() in {130, 143}
        assert demo.leftovers() == []


def test_a_demo_that_is_killed_while_it_analyses_leaves_no_process(tmp_path: Path) -> None:
    """Not even a process that computes on behalf of a worker."""
    with running((*DEMO, "--file", long_debate(tmp_path)), tmp_path) as demo:
        wait_until(lambda: "  tone: " in demo.output(), timeout_s=60)  # a first result of six
        demo.process.kill()
        demo.end()
        expect_none_left(demo.folder)


def test_what_the_demo_keeps_runs_until_ctrl_c_and_then_stops_in_order(tmp_path: Path) -> None:
    """A terminal interrupts the whole foreground group; the services must not be in it."""
    with running((*DEMO, "--keep"), tmp_path) as demo:
        wait_until(lambda: "Ctrl-C stops everything." in demo.output(), timeout_s=60)
        demo.press_ctrl_c()
        assert demo.end() == 130
        assert "Had to be killed" not in demo.output()
        assert demo.output().endswith("Everything is stopped.\n")
        assert demo.leftovers() == []
