"""A filter as lists and watches use it: which queues to look at, what to ask the store, which jobs match."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

from common.errors import InvalidFilter
from common.job.model import Job
from common.job.states import JobState
from common.job.types import JOB_TYPES
from common.store.jobs import Condition, Connective
from scheduler.filters.fields import QUEUE, STATE, TENANT, TYPE, facts_of
from scheduler.filters.grammar import parse
from scheduler.filters.tree import (
    Always,
    And,
    Node,
    Or,
    bound,
    conditions_of,
    demanded,
    holds,
    meets,
    postfix,
)


def parse_filter(text: str, *, of_tenants: bool = False) -> Filter:
    """Read a filter; blank text limits nothing.

    Args:
        of_tenants: It may name tenants. Whoever uses it has to see to whether these are the caller's.

    Raises:
        InvalidFilter: Says at which character it stopped making sense, and what would.
    """
    tree = parse(text)
    if not of_tenants and any(condition.field == TENANT for condition in conditions_of(tree)):
        raise InvalidFilter(
            "filter",
            "names a tenant, which only that of ListJobs may: act for it by the metadata bothsides-tenant",
        )
    return Filter(bound(tree, lambda _: None))  # without what is always met


@dataclass(frozen=True)
class Filter:
    """What a list or a watch is limited to."""

    tree: Node

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that it asks for, as the record spells them."""
        return frozenset(condition.field for condition in conditions_of(self.tree))

    @property
    def terms(self) -> int:
        """How many comparisons it has."""
        return sum(1 for _ in conditions_of(self.tree))

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants that it names."""
        return frozenset(node.value for node in conditions_of(self.tree) if node.field == TENANT)

    def of_tenant(self, tenant: str) -> Filter:
        """Return what is left of the filter for the jobs of one tenant."""

        def decide(condition: Condition) -> bool | None:
            return meets(condition, tenant) if condition.field == TENANT else None

        return Filter(bound(self.tree, decide))

    @property
    def is_empty(self) -> bool:
        """Whether no job can meet it."""
        return self.tree == Always(False)

    def allows(self, queue: str) -> bool:
        """Whether a queue can hold a match."""
        return not self.within(queue).is_empty

    def within(self, queue: str) -> Filter:
        """Return what is left of the filter for the jobs of one queue, which no record names."""

        def decide(condition: Condition) -> bool | None:
            if condition.field == QUEUE:
                return meets(condition, queue)
            job_type = JOB_TYPES.get(condition.value) if condition.field == TYPE else None
            if job_type is not None and job_type.queue != queue:
                return condition.operator == "!="  # a typed job has no other queue than its own
            return None

        return Filter(bound(self.tree, decide))

    def among_states(self, states: Collection[JobState]) -> Filter:
        """Return the filter that is met by the same jobs as far as they are in one of some states."""
        among = tuple(Condition(STATE, "=", state) for state in JobState if state in states)
        return Filter(bound(And((self.tree, Or(among))), lambda _: None))

    def matches(self, job: Job) -> bool:
        """Whether a job meets the filter."""
        facts = facts_of(job)
        return bool(self.judge(lambda field: facts.get(field, "")))

    def judge(self, look: Callable[[str], str | None]) -> bool | None:
        """Whether a job meets the filter of which not all need be known; None if it depends on the rest.

        Args:
            look: Returns a field's value as the record spells it; "" if it is not set, None if not known.
        """

        def decide(condition: Condition) -> bool | None:
            held = look(condition.field)
            return None if held is None else meets(condition, held)

        return holds(self.tree, decide)

    def program(self) -> list[Condition | Connective]:
        """Return the filter in postfix order, as the store evaluates it; blank if every job meets it."""
        return [] if self.tree == Always(True) else list(postfix(self.tree))

    def demands(self) -> list[Condition]:
        """Return the equalities that every match meets: what an index may serve."""
        return [condition for condition in demanded(self.tree) if condition.operator == "="]

    def choices(self) -> list[Condition]:
        """Return comparisons with states of which every match meets exactly one; [] if there are none."""
        parts = self.tree.parts if isinstance(self.tree, And) else (self.tree,)
        for part in parts:
            if isinstance(part, Or):
                found = [node for node in part.parts if isinstance(node, Condition)]
                states = {node.value for node in found if node.field == STATE and node.operator == "="}
                if len(states) == len(part.parts):
                    return found
        return []

    def and_also(self, condition: Condition) -> Filter:
        """Return the filter that is met by the same jobs as far as they meet a condition."""
        return Filter(And((self.tree, condition)))


def quoted(value: str) -> str:
    """Return a value as a filter takes it, whatever it holds."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
