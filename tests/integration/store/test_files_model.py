"""No job is ever without its file: random lives of senders, jobs and sweepers, each slow at will, or dead."""

from __future__ import annotations

import os
from dataclasses import dataclass

import dramatiq
import redis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from common.store import jobs
from common.store.filed import Filed, FileName, filed_of
from common.store.packing import Apart, Packer
from support.store import Queue

#: `make model-check` asks for more.
EXAMPLES = int(os.environ.get("MODEL_CHECK_EXAMPLES", "60"))
STEPS_MS = (1, 61_000, 599_000, 601_000, 900_001)
CONTENTS = 2
LATE_MS = 10**9


def apart_of(content: int) -> Apart:
    message: dramatiq.Message[None] = dramatiq.Message("q", "work", (f"{content}" * 70_000,), {}, {})
    apart = Packer().take_apart(message.encode(), "default")
    assert apart is not None
    return apart


APARTS = [apart_of(content) for content in range(CONTENTS)]


@dataclass
class Sending:
    """A job on its way: its file was named, and perhaps written."""

    content: int
    named: jobs.Named
    written: bool = False


class FilesMachine(RuleBasedStateMachine):
    """The scripts are real, and the file store is a dict. Any step may be the last of who takes it."""

    client: redis.Redis

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.queue = Queue(self.client)
        self.files: dict[FileName, int] = {}
        self.sending: list[Sending] = []
        self.alive: dict[str, int] = {}
        #: Removals that someone was told to do, and may do at any time from now on.
        self.removals: list[FileName] = []

    @rule(content=st.integers(0, CONTENTS - 1), writes=st.booleans())
    def name_a_file(self, content: int, writes: bool) -> None:
        digest = APARTS[content].digest
        operation = jobs.name_files(self.queue.keys, [digest], now_ms=self.queue.now_ms)
        sending = Sending(content, *self.queue.run(operation))
        self.sending.append(sending)
        if writes:
            self.write(sending)

    @precondition(lambda self: not all(sending.written for sending in self.sending))
    @rule(data=st.data())
    def write_the_file(self, data: st.DataObject) -> None:
        self.write(data.draw(st.sampled_from([each for each in self.sending if not each.written])))

    def write(self, sending: Sending) -> None:
        if not (sending.named.is_held and sending.named.name in self.files):
            self.files[sending.named.name] = sending.content
        sending.written = True

    @precondition(lambda self: any(sending.written for sending in self.sending))
    @rule(data=st.data())
    def submit_the_job(self, data: st.DataObject) -> None:
        sending = data.draw(st.sampled_from([each for each in self.sending if each.written]))
        self.sending.remove(sending)
        request = self.queue.request()
        message = Filed.of(APARTS[sending.content], sending.named.name.made_ms).message
        operation = jobs.submit(self.queue.keys, [request], messages=[message], now_ms=self.queue.now_ms)
        [told] = self.queue.run(operation)
        if isinstance(told, jobs.FileTooOld):
            self.name_a_file(sending.content, writes=True)
        else:
            self.alive[request.job_id] = sending.content

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def remove_a_job(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.alive)))
        self.queue.cancel(job_id)
        assert self.queue.delete(job_id).done
        del self.alive[job_id]

    @rule(step_ms=st.sampled_from(STEPS_MS))
    def let_time_pass(self, step_ms: int) -> None:
        self.queue.now_ms += step_ms

    @rule(most=st.integers(1, 3), removes=st.booleans())
    def take_what_is_to_go(self, most: int, removes: bool) -> None:
        names = self.queue.run(jobs.take_due(self.queue.keys, most, now_ms=self.queue.now_ms)).names
        self.removals += names
        for name in names if removes else ():
            self.files.pop(name, None)

    @precondition(lambda self: self.files)
    @rule()
    def look_for_strays(self) -> None:
        operation = jobs.strays(self.queue.keys, list(self.files), now_ms=self.queue.now_ms)
        self.removals += self.queue.run(operation)

    @precondition(lambda self: self.removals)
    @rule(data=st.data(), notes=st.booleans())
    def remove_a_file(self, data: st.DataObject, notes: bool) -> None:
        name = data.draw(st.sampled_from(self.removals))
        self.files.pop(name, None)
        if notes:
            self.queue.run(jobs.note_gone(self.queue.keys, [name]))
            self.removals.remove(name)

    @invariant()
    def every_job_has_its_file(self) -> None:
        for job_id, content in self.alive.items():
            filed = filed_of(self.queue.snapshot(job_id).payload)
            assert filed is not None
            assert self.files.get(filed.name) == content

    def teardown(self) -> None:
        """When all jobs have gone and time has passed, no file is left, nor anything in the server."""
        for job_id in self.alive:
            self.queue.cancel(job_id)
            assert self.queue.delete(job_id).done
        self.queue.now_ms += LATE_MS
        for _ in range(2):
            gone = self.queue.run(jobs.take_due(self.queue.keys, 1_000, now_ms=self.queue.now_ms)).names
            if self.files:
                operation = jobs.strays(self.queue.keys, list(self.files), now_ms=self.queue.now_ms)
                gone += self.queue.run(operation)
            for name in gone:
                self.files.pop(name, None)
                self.queue.run(jobs.note_gone(self.queue.keys, [name]))
            self.queue.now_ms += LATE_MS
        assert self.files == {}
        left = [key for name in ("file:*", "filers:*", "files", "leaving") for key in self.named(name)]
        assert left == []

    def named(self, pattern: str) -> list[bytes | str]:
        return list(self.client.keys(f"{self.queue.keys.prefix}{pattern}"))


def test_no_job_is_ever_without_its_file(client: redis.Redis) -> None:
    machine = type("Machine", (FilesMachine,), {"client": client})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)
    )
