"""The steps of one analysis on their way: each as soon as it can, and answers of models in their places.

Where models are asked, what has to be done before a call, or when its answer is there, goes before what is
counted meanwhile, whoever's it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from analysis_worker.domain.result import Dimension, Overview
from analysis_worker.domain.safety import Safety
from analysis_worker.engines.openai.departures import Departures
from analysis_worker.runtime.context import JobContext
from analysis_worker.transcript import in_child
from analysis_worker.transcript.by_model import ASKED, Outcome, Unanswered, Wish, start
from analysis_worker.transcript.made import Made
from analysis_worker.transcript.packed import Packed, PackedLocal
from analysis_worker.transcript.places import Place, Turns
from analysis_worker.transcript.plan import Course, Pace, Step
from analysis_worker.transcript.screening import Screen
from analysis_worker.transcript.sending import outbound
from analysis_worker.transcript.stopping import stop
from analysis_worker.transcript.writing import take, write

if TYPE_CHECKING:
    from analysis_worker.engines.openai.outbound import Outbound

#: A debate that takes longer to be ready to leave is counted meanwhile (s).
_UNCOUNTED_S: Final = 1.0


class Run:
    """One analysis on its way."""

    def __init__(
        self,
        conversation_id: str,
        conversation: bytes,
        steps: Sequence[Step],
        context: JobContext,
        pace: Pace,
        wish: Wish | None,
        screen: Screen,
        made: Made,
    ) -> None:
        self._conversation_id = conversation_id
        self._conversation = conversation
        self._context = context
        self._pace = pace
        self._course = Course(steps, pace, _now_ms())
        self._wanted = frozenset(step.dimension for step in steps)
        #: Models are asked for some of it.
        self.asks = wish is not None and context.models is not None and bool(self._wanted & ASKED)
        self.turns = Turns(context)
        #: Topics of a model leave nothing of the local ones: those are made if there are none, or for claims.
        self._unmade: dict[Dimension, Step] = {
            step.dimension: step
            for step in steps
            if self.asks and step.dimension is Dimension.TOPICS and Dimension.ARGUMENTS not in self._wanted
        }
        self._waiting = [step for step in steps if step.dimension not in self._unmade]
        self._made = made
        self._screen = screen
        self._wish = wish
        self._packed: Packed | None = None
        #: Write what is sent of it.
        self._writing: list[asyncio.Task[None]] = []
        #: Makes the text ready to leave, and asks.
        self._asking: asyncio.Task[None]
        #: What models are asked for, and their answers.
        self.asked: dict[Dimension, asyncio.Task[Outcome]] = {}
        #: Answers that have no place yet.
        self._open: dict[Dimension, asyncio.Task[Outcome]] = {}
        #: What they are put into, as it goes to children.
        self._bases: dict[Dimension, PackedLocal] = {}

    async def on(self, places: Sequence[Place]) -> None:
        """Run all steps, as many at once as there are places, models being asked meanwhile."""
        self._tell("Reading the transcript")
        # Nothing takes as long as an answer: one child makes the text ready to leave, the other one reads.
        self._asking = asyncio.create_task(self._ask())
        reader = self.turns.at() if self.asks and self._screen.waits_for_reading else places[-1]
        try:
            if await self._read_last():
                return
            self._read(*await reader.run(in_child.read, self._conversation))
            if self.asks:  # what is counted meanwhile would take the processors from the calls
                await asyncio.wait([self._asking], timeout=_UNCOUNTED_S)
            if self._screen.waits_for_moderation:
                await self._asking
                await self._screen.judged(self._open.values())
            await self._run_steps(places)
            # With more analyses under way it would be forgotten before an answer comes.
            if self._open and self._packed is not None and self._is_alone:
                self._bases = PackedLocal.all_of(self._made.finished, self._open)
                arguments = self._conversation, self._packed, tuple(self._bases.values())
                await asyncio.gather(*(place.run(in_child.ready, *arguments) for place in places))
        finally:
            await stop([self._asking, *self._writing])
        if not self._unmade:
            self._course.learn(_now_ms())

    @property
    def _is_alone(self) -> bool:
        """So few analyses are under way that children remember what they have prepared of this one."""
        return self._pace.analyses <= in_child.DOCUMENTS_KEPT

    def _read(self, overview: Overview, safety: Safety) -> None:
        self._made.overview = overview
        self._course.prepared(overview.word_count)
        self._screen.receive(safety)

    async def _read_last(self) -> bool:
        """Read the debate as a model's topics are put into it; False if it is to be read before.

        So it is if more is wanted, if no model gives topics, or if it would not be forgotten by then.
        """
        wants_more = self._waiting or self._screen.waits_for_reading
        if wants_more or not self.asks or in_child.keeps(self._pace.analyses, self._pace.bytes):
            return False
        await self._asking
        [(dimension, answer)] = self._open.items()
        self._tell("Waiting for the model")
        await asyncio.wait([answer])
        found = answer.result()
        if found is None or isinstance(found, Unanswered):
            return False
        del self._open[dimension]
        overview, safety, made = await self.turns.at().run(
            in_child.read_with_topics, self._conversation, self._packed, found
        )
        self._read(overview, safety)
        self._course.finish(self._unmade[dimension])
        self._made.settle(made)
        return True

    async def with_models(self) -> None:
        """Put each answer that is left in its place as it comes."""
        putting: set[asyncio.Task[None]] = set()
        try:
            while self._open or putting:
                for dimension in self._answered():
                    put = self._put(dimension, self._open.pop(dimension))
                    putting.add(asyncio.create_task(put))
                if not putting:
                    for answer in self._open.values():
                        if answer.done():  # it has failed, and ends the attempt: no child is killed by that
                            answer.result()
                    self._tell("Waiting for the model")
                unanswered = (answer for answer in self._open.values() if not answer.done())
                done, _ = await asyncio.wait([*putting, *unanswered], return_when=asyncio.FIRST_COMPLETED)
                for ended in putting & done:
                    putting.remove(ended)
                    ended.result()
        finally:
            await stop(putting)

    async def _ask(self) -> None:
        if self._wish is None:
            return
        access = self._context.models
        debate: Outbound | None = None
        if access is not None and self.asks:
            from analysis_worker.engines.openai.engine import ways_of

            ways = ways_of(self._wanted)
            self._packed, first = await outbound(
                self._context, self.turns.soon, self._conversation_id, self._conversation, access.secret, ways
            )
            debate = self._packed.unpacked()
            left = take(debate, first)
            if self._is_alone:
                self._writing = write(self.turns.soon, self._packed, left, ways)
        departures = Departures()
        self.asked = start(self._context, self._wish, debate, self._wanted, self._screen, departures)
        self._open = dict(self.asked)
        if debate is not None:
            await departures.wait(self.asked.values())

    async def _run_steps(self, places: Sequence[Place]) -> None:
        free = list(places)
        asking = {self._asking}
        steps: dict[asyncio.Task[None], Step] = {}
        running: dict[asyncio.Task[None], Place] = {}
        try:
            while self._waiting or running or asking:
                if asking and self._asking.done():
                    asking.clear()
                    self._settle_unasked()
                    continue
                for dimension in self._answered()[: len(free)]:
                    put = self._put(dimension, self._open.pop(dimension))
                    running[asyncio.create_task(put)] = free.pop()
                unfinished = {step.dimension for step in (*self._waiting, *steps.values())}
                for step in [step for step in self._waiting if not step.after & unfinished][: len(free)]:
                    self._waiting.remove(step)
                    place = free.pop()
                    task = asyncio.create_task(self._run_step(place, step))
                    steps[task], running[task] = step, place
                unanswered = (task for task in self._open.values() if not task.done())
                done, _ = await asyncio.wait(
                    [*running, *asking, *unanswered], return_when=asyncio.FIRST_COMPLETED
                )
                for ended in [task for task in running if task in done]:
                    free.append(running.pop(ended))
                    steps.pop(ended, None)
                    ended.result()
                for step in steps.values():  # what still goes on, from further along
                    self._tell(step.stage)
        finally:
            await stop(running)

    async def _run_step(self, place: Place, step: Step) -> None:
        self._tell(step.stage)
        finished = self._made.finished
        earlier = {wanted: finished[wanted].result for wanted in step.after if wanted in finished}
        made = await place.run(in_child.dimension, self._conversation, step.dimension, earlier)
        finished[step.dimension] = made
        self._course.finish(step)
        # While the text is made ready to leave it is not known who will be asked for what.
        if step.dimension not in self._open and (self._asking.done() or step.dimension not in ASKED):
            self._made.settle(made)

    def _settle_unasked(self) -> None:
        """Settle what was made before it was known that no model is asked for it."""
        self._asking.result()
        for made in [*self._made.finished.values()]:
            if made.dimension not in self._open and made.dimension not in self._made.settled:
                self._made.settle(made)

    def _answered(self) -> list[Dimension]:
        """Return the dimensions whose answer is there, and what it is put into as well.

        Not those whose failure ends the attempt: while children compute, it would kill them.
        """
        return [
            dimension
            for dimension, task in self._open.items()
            if task.done()
            and (dimension in self._made.finished or dimension in self._unmade)
            and task.exception() is None
        ]

    async def _put(self, dimension: Dimension, answer: asyncio.Task[Outcome]) -> None:
        """Put an answer in its place, or have the local engine's."""
        run, conversation = self.turns.at().run, self._conversation
        outcome, made = answer.result(), self._made.finished.get(dimension)
        if made is None:
            if outcome is None or isinstance(outcome, Unanswered):
                made = await run(in_child.dimension, conversation, dimension, {})
            else:
                made, outcome = await run(in_child.topics_by_model, conversation, self._packed, outcome), None
            self._course.finish(self._unmade[dimension])
        match outcome:
            case None:
                pass
            case Unanswered(reason, passed_over):
                degraded = replace(made.provenance, degraded_reason=reason, passed_over=passed_over)
                made = replace(made, provenance=degraded)
            case found:
                base = self._bases.get(dimension) or PackedLocal.of(made)
                made = await run(in_child.by_model, conversation, base, self._packed, found)
        self._made.settle(made)

    def _tell(self, stage: str) -> None:
        self._context.progress(
            self._course.fraction,
            stage,
            completed_units=self._course.finished,
            total_units=self._course.steps,
            finish_ms=self._course.finish_ms(_now_ms()),
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
