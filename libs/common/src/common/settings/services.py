"""The settings of the three services, each read from its whole environment at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from common.content.rules import ContentRules
from common.job.limits import RetryBudget
from common.job.types import QUEUES
from common.provider.models import DEFAULT_MODEL, ModelTable
from common.settings.content import content_rules
from common.settings.environment import Address, Environment
from common.settings.files import FileSettings
from common.settings.models import read_models
from common.settings.server import ServerSettings
from common.settings.store import StoreSettings

_DAY_MS: Final = 86_400_000
_LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True)
class JobSettings:
    """What holds for jobs that say nothing else."""

    #: Attempts in all, the first one included.
    retry_attempts: int = 3
    #: How long one attempt may run.
    timeout_ms: int = 300_000
    #: After this long without a sign of life from its worker, a job is given to another.
    lease_ms: int = 30_000

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read JOB_RETRY_ATTEMPTS, JOB_TIMEOUT_MS and JOB_LEASE_MS."""
        return cls(
            retry_attempts=environment.integer("JOB_RETRY_ATTEMPTS", 3, minimum=1, maximum=100),
            timeout_ms=environment.integer("JOB_TIMEOUT_MS", 300_000, minimum=100, maximum=_DAY_MS),
            lease_ms=environment.integer("JOB_LEASE_MS", 30_000, minimum=500, maximum=_DAY_MS),
        )


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """How much a service tells of itself, and to whom."""

    log_level: str = "INFO"
    #: Where an OTLP collector listens, such as http://127.0.0.1:4317; None: traces and metrics are off.
    otlp_endpoint: str | None = None
    #: Share of traces that begin here and are kept; a caller's own decision is followed.
    sample_ratio: float = 1.0

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read LOG_LEVEL, OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_TRACES_SAMPLER_ARG."""
        endpoint = environment.text(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            pattern=r"https?://[^\s/]+/?",
            must="be a URL with host and port, such as http://127.0.0.1:4317",
        )
        return cls(
            log_level=environment.choice("LOG_LEVEL", "INFO", _LOG_LEVELS),
            otlp_endpoint=endpoint or None,
            sample_ratio=environment.fraction("OTEL_TRACES_SAMPLER_ARG", 1.0),
        )


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """Everything that `python -m scheduler` reads from its environment."""

    server: ServerSettings
    store: StoreSettings
    jobs: JobSettings
    telemetry: TelemetrySettings
    #: Where the workers read transcripts from; None: the platform's own store.
    conversation_service: Address | None = None
    #: How long calls in progress may go on after SIGTERM.
    shutdown_ms: int = 10_000
    #: What is done with hostile content of conversations; the workers are told the same.
    content: ContentRules = field(default_factory=ContentRules)
    #: What jobs may name; as that of the workers.
    models: ModelTable = field(default_factory=ModelTable)
    #: What workers ask for jobs that name none.
    openai_model: str = DEFAULT_MODEL
    #: Where large arguments go; as for the workers.
    files: FileSettings = field(default_factory=FileSettings)

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Read all settings.

        Raises:
            SettingsError: At least one variable is wrong; the message lists all that are.
        """
        environment = Environment(variables)
        settings = cls.read(environment)
        environment.check()
        return settings

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read all settings; what is wrong is known when the environment is checked."""
        return cls(
            server=ServerSettings.read(environment, "SCHEDULER_ADDR", "127.0.0.1:50051"),
            store=StoreSettings.read(environment),
            jobs=JobSettings.read(environment),
            telemetry=TelemetrySettings.read(environment),
            conversation_service=environment.address("CONVERSATION_SERVICE_ADDR", None),
            shutdown_ms=environment.integer("SCHEDULER_SHUTDOWN_MS", 10_000, minimum=0, maximum=600_000),
            content=content_rules(environment),
            models=read_models(environment),
            openai_model=environment.text("OPENAI_MODEL", DEFAULT_MODEL),
            files=FileSettings.read(environment),
        )


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """Everything that `python -m monitor` reads from its environment."""

    server: ServerSettings
    store: StoreSettings
    telemetry: TelemetrySettings
    #: How long calls in progress may go on after SIGTERM.
    shutdown_ms: int = 5_000

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Read all settings; raises SettingsError, which lists every variable that is wrong."""
        environment = Environment(variables)
        settings = cls.read(environment)
        environment.check()
        return settings

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read all settings; what is wrong is known when the environment is checked."""
        return cls(
            server=ServerSettings.read(environment, "MONITOR_ADDR", "127.0.0.1:50052"),
            store=StoreSettings.read(environment),
            telemetry=TelemetrySettings.read(environment),
            shutdown_ms=environment.integer("MONITOR_SHUTDOWN_MS", 5_000, minimum=0, maximum=600_000),
        )


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Everything that `python -m analysis_worker` reads from its environment."""

    health: ServerSettings
    store: StoreSettings
    jobs: JobSettings
    telemetry: TelemetrySettings
    #: Queues that it takes jobs from.
    queues: tuple[str, ...] = QUEUES
    #: Jobs of one queue that it runs at once.
    queue_concurrency: int = 5
    #: For queues for which none is set; None: the default stays.
    retry_budget: RetryBudget | None = None
    #: Threads, hence jobs of all its queues that it runs at once.
    threads: int = 8
    #: Child processes for work on the processor.
    children: int = 2
    #: Results over 64 KiB are kept compressed, which only schedulers of this version or newer can read.
    compress_results: bool = False
    #: How long running jobs may go on after SIGTERM before they are handed back.
    shutdown_ms: int = 30_000
    #: A ConversationService to read transcripts from; None: the platform's own store.
    conversation_service: Address | None = None
    #: None: the built-in engine answers.
    openai_api_key: str | None = field(default=None, repr=False)
    openai_model: str = DEFAULT_MODEL
    #: A compatible server to ask in OpenAI's place; "": OpenAI's own.
    openai_base_url: str = ""
    #: Where large arguments are.
    files: FileSettings = field(default_factory=FileSettings)

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Read all settings; raises SettingsError, which lists every variable that is wrong."""
        environment = Environment(variables)
        settings = cls.read(environment)
        environment.check()
        return settings

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read all settings; what is wrong is known when the environment is checked."""
        return cls(
            health=ServerSettings.read(environment, "WORKER_HEALTH_ADDR", "127.0.0.1:50053"),
            store=StoreSettings.read(environment),
            jobs=JobSettings.read(environment),
            telemetry=TelemetrySettings.read(environment),
            queues=environment.names("WORKER_QUEUES", QUEUES),
            queue_concurrency=environment.integer("JOB_QUEUE_CONCURRENCY", 5, minimum=1, maximum=10_000),
            retry_budget=environment.retry_budget("JOB_RETRY_BUDGET"),
            threads=environment.integer("WORKER_THREADS", 8, minimum=1, maximum=1_000),
            children=environment.integer("WORKER_CHILDREN", 2, minimum=1, maximum=256),
            compress_results=environment.flag("JOB_COMPRESS_RESULTS"),
            shutdown_ms=environment.integer("WORKER_SHUTDOWN_MS", 30_000, minimum=0, maximum=600_000),
            conversation_service=environment.address("CONVERSATION_SERVICE_ADDR", None),
            openai_api_key=environment.secret("OPENAI_API_KEY"),
            openai_model=environment.text("OPENAI_MODEL", DEFAULT_MODEL),
            openai_base_url=environment.text("OPENAI_BASE_URL"),
            files=FileSettings.read(environment),
        )
