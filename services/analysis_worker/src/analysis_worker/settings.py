"""What only this service reads from its environment, beside what all services share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from analysis_worker.paid.settings import PaidSettings
from analysis_worker.privacy.settings import Screening
from analysis_worker.runtime.simulation.rules import Rule, RuleInvalid, read_rules
from common.settings import SettingsError, WorkerSettings
from common.settings.environment import Environment, Problem

#: A child's limit unless set: five times what the local engine may use on 1,000 turns.
CHILD_MEMORY_BYTES: Final = 2 * 1024**3
_SIMULATE: Final = "WORKER_SIMULATE_ERRORS"


@dataclass(frozen=True, slots=True)
class AnalysisWorkerSettings:
    """Everything that `python -m analysis_worker` reads."""

    worker: WorkerSettings
    #: Modules of plain Dramatiq actors to serve, beside the handlers.
    actor_modules: tuple[str, ...] = ()
    #: What one call may allocate in a child process; 0 for no limit.
    child_memory_bytes: int = CHILD_MEMORY_BYTES
    #: Errors to make up, and what decides whom they strike.
    simulated: tuple[Rule, ...] = ()
    simulation_seed: int = 0
    paid: PaidSettings = field(default_factory=PaidSettings)
    screening: Screening = field(default_factory=Screening)

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Read all settings.

        Raises:
            SettingsError: At least one variable is wrong; the message lists all that are.
        """
        problems: list[Problem] = []
        environment = Environment(variables)
        actor_modules = environment.names("WORKER_ACTOR_MODULES", ())
        memory_bytes = environment.integer(
            "WORKER_CHILD_MEMORY_BYTES", CHILD_MEMORY_BYTES, minimum=0, maximum=2**40
        )
        simulated = _simulated(environment)
        paid = PaidSettings.read(environment)
        screening = Screening.read(environment)
        seed = environment.integer("WORKER_SIMULATE_SEED", 0, minimum=0, maximum=2**31)
        try:
            environment.check()
        except SettingsError as error:
            problems += error.problems
        try:
            worker = WorkerSettings.from_environment(variables)
        except SettingsError as error:
            raise SettingsError([*error.problems, *problems]) from None
        if problems:
            raise SettingsError(problems)
        return cls(worker, actor_modules, memory_bytes, simulated, seed, paid, screening)


def _simulated(environment: Environment) -> tuple[Rule, ...]:
    """Read the errors to simulate, which only a worker for development may do."""
    development = environment.flag("WORKER_DEVELOPMENT")
    text = environment.text(_SIMULATE)
    if text and not development:
        environment.reject(_SIMULATE, "not be set, as it makes jobs fail, unless WORKER_DEVELOPMENT=true")
        return ()
    try:
        return read_rules(text)
    except RuleInvalid as error:
        environment.reject(_SIMULATE, f"hold rules such as 'TRANSIENT 10%; SLOW 5% ms=3000': {error}")
        return ()
