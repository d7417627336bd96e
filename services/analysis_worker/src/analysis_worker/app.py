"""Puts the worker together, starts it, and stops it in order. The only place that builds concrete classes."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import TYPE_CHECKING, Any, Final

import dramatiq
from dramatiq.asyncio import get_event_loop_thread
from opentelemetry import metrics

from analysis_worker import handlers
from analysis_worker.measuring.jobs import Measuring
from analysis_worker.measuring.paid import MeasuredCalls
from analysis_worker.measuring.spans import TracedCalls
from analysis_worker.paid.keeping import Keeping
from analysis_worker.paid.opening import WorkerGate
from analysis_worker.paid.port import PaidCalls
from analysis_worker.runtime.about import about
from analysis_worker.runtime.actors import declare_actors, load_actor_modules
from analysis_worker.runtime.ailments import Parts
from analysis_worker.runtime.children import ChildPool
from analysis_worker.runtime.context import Ports
from analysis_worker.runtime.health import HealthServer
from analysis_worker.runtime.isolation import IsolatedActors
from analysis_worker.runtime.loop_store import LoopStore
from analysis_worker.runtime.pulse import Pulse
from analysis_worker.runtime.registry import discover
from analysis_worker.runtime.shutdown import drain
from analysis_worker.runtime.simulation.effects import SimulatedErrors
from analysis_worker.runtime.simulation.store import LosableClient
from analysis_worker.runtime.tracing import Tracing
from analysis_worker.settings import AnalysisWorkerSettings
from analysis_worker.sinks.store import StoredAnalyses
from analysis_worker.sources.analyses import KeptAnalyses
from analysis_worker.sources.port import ConversationSource
from analysis_worker.sources.service import RemoteConversations
from analysis_worker.sources.store import StoredConversations
from analysis_worker.transcript.in_child import warm, warm_for_models
from analysis_worker.vault.store import StoredVault
from common.broker import JobBroker
from common.broker.reporter import Reporter
from common.job.model import RetryPolicy
from common.job.types import CONCURRENCY, JOB_TYPES, QUEUES
from common.store.checks import check_servers
from common.store.clients import redis_client
from common.store.operation import LoopRunner, ThreadRunner
from common.store.scripts import script, script_names

if TYPE_CHECKING:
    from analysis_worker.engines.openai.access import ModelAccess

#: Threads that have not ended after this (ms) are left behind; the process ends without them.
THREADS_STOP_MS: Final = 2_000
#: So many objects are made before the youngest are looked through for garbage, whether there is any or not:
#: 700, as CPython has it, are some steps of one job.
GARBAGE_EVERY: Final = 10_000
#: Closing the connection to another conversation service may take this long (s).
CLOSE_S: Final = 5.0
_log = logging.getLogger(__name__)


class AnalysisWorker:
    """One worker in this process: Dramatiq's threads, child processes, a report and a health server.

    Raises:
        HandlersIncomplete: A job type has no handler.
        ActorModulesMissing: A module of WORKER_ACTOR_MODULES cannot be imported.
        AddressUnusable: WORKER_HEALTH_ADDR is taken.
        ServerTooOld: The platform cannot run on the store's server.
    """

    def __init__(self, settings: AnalysisWorkerSettings) -> None:
        shared = settings.worker
        self._shutdown_ms = shared.shutdown_ms
        self._client: Any = redis_client(shared.store, name="analysis_worker")
        check_servers(self._client)
        if settings.simulated:
            self._client = LosableClient(self._client)
        self._broker = JobBroker(
            self._client,
            namespace=shared.store.namespace,
            lease_ms=shared.jobs.lease_ms,
            retry=RetryPolicy(max_attempts=shared.jobs.retry_attempts),
            retry_budget=shared.retry_budget,
            timeout_ms=shared.jobs.timeout_ms,
            concurrency=CONCURRENCY,
            default_concurrency=shared.queue_concurrency,
            durability=shared.store.durability,
            compress_results=shared.compress_results,
            files=shared.files.open(),
            reports=False,
        )
        self._broker.add_middleware(Tracing())
        #: None where nobody takes figures; then nothing is spent on them.
        meter = None if shared.telemetry.otlp_endpoint is None else metrics.get_meter("analysis_worker")
        if meter is not None:
            self._broker.add_middleware(Measuring(meter))
        self._children = ChildPool(
            shared.children,
            memory_bytes=settings.child_memory_bytes,
            warm=warm if shared.openai_api_key is None else warm_for_models,
        )
        self._broker.add_middleware(IsolatedActors(self._children))
        self._simulated = self._simulate(settings)
        self._store = LoopStore(shared.store)
        # What is simulated for threads is so for the loop too.
        runner: LoopRunner = ThreadRunner(self._broker.runner) if settings.simulated else self._store.runner
        self._remote: RemoteConversations | None = None
        if shared.conversation_service is not None:
            self._remote = RemoteConversations(str(shared.conversation_service))
        conversations: ConversationSource = self._remote or StoredConversations(
            runner, shared.store.namespace
        )
        analyses = StoredAnalyses(runner, shared.store.namespace, kept_elsewhere=self._remote is not None)
        self._paid: WorkerGate | None = None
        self._models: ModelAccess | None = None
        if shared.openai_api_key is not None:
            moderation = settings.screening.moderation_model
            self._paid = WorkerGate(self._store.runner, shared, settings.paid, moderation)
            self._models = _model_access(shared.openai_api_key, settings)
        paid: PaidCalls | None = None if self._paid is None else TracedCalls(self._paid.gate)
        if paid is not None and meter is not None:
            paid = MeasuredCalls(paid, meter)
        vault = StoredVault(
            runner,
            shared.store.namespace,
            keeping=Keeping(settings.paid.sealer),
            keep_ms=None if self._remote is None else settings.paid.keep_ms,
            door=settings.paid.door,
        )
        kept = KeptAnalyses(runner, shared.store.namespace)
        ports = Ports(
            conversations,
            analyses,
            self._children,
            kept,
            analyses,
            paid,
            self._models,
            vault,
            settings.screening,
        )
        declare_actors(self._broker, discover(handlers, JOB_TYPES.values()), JOB_TYPES.values(), ports)
        load_actor_modules(self._broker, settings.actor_modules)

        queues = self._served(shared.queues)
        #: A worker of other queues needs no children, and starts none unless a job asks for one after all.
        self._computes = any(job_type.queue in queues for job_type in JOB_TYPES.values())
        self._worker = dramatiq.Worker(self._broker, queues=set(queues), worker_threads=shared.threads)
        pulse = Pulse(self._children)
        retiring = tuple if self._paid is None else self._paid.retiring
        said = about(self._children, pulse, simulates=self._simulated, retiring=retiring)
        self._reporter = Reporter(self._broker, lambda: queues, more=said)
        parts = Parts(self._worker, self._broker, self._reporter, pulse, retiring)
        self._health = HealthServer(str(shared.health.address), parts)

    def _simulate(self, settings: AnalysisWorkerSettings) -> str:
        """Make errors up, if that is asked for; return which, in words."""
        if not settings.simulated:
            return ""
        simulated = SimulatedErrors(
            settings.simulated, settings.simulation_seed, self._children, self._client
        )
        self._broker.add_middleware(simulated)
        return str(simulated)

    def _served(self, named: tuple[str, ...]) -> tuple[str, ...]:
        """Return the queues to take jobs from: those named; if none was, also those of the actor modules."""
        queues = named
        if named == QUEUES:
            queues += tuple(sorted(self._broker.queues.keys() - set(QUEUES)))
        for queue in queues:
            self._broker.declare_queue(queue)
        return queues

    @property
    def health_port(self) -> int:
        """Where health is answered."""
        return self._health.port

    def start(self) -> None:
        """Take jobs. Returns at once; a store that does not answer yet is tried again until it does."""
        if self._computes:
            self._children.start()
        self._broker.emit_after("process_boot")
        for name in script_names():  # read now, and not while the first jobs wait
            script(name)
        # What is loaded now stays. To look through it for garbage stops all jobs for a tenth of a second.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_EVERY, *gc.get_threshold()[1:])
        self._worker.start()
        self._reporter.start()
        self._health.start()
        if self._simulated:
            _log.warning("this worker makes errors up: %s", self._simulated)
        _log.info("worker %s takes jobs; health on port %d", self._broker.worker_id, self.health_port)

    def stop(self) -> None:
        """Let running jobs finish or hand them back, write what is open, and leave nothing behind."""
        self._health.say_stopping()
        if self._worker.workers:
            drain(self._broker, grace_ms=self._shutdown_ms)
        self._close_on_loop()
        self._children.close()
        self._reporter.close()
        self._worker.stop(timeout=THREADS_STOP_MS)
        self._broker.close()
        self._health.close()
        self._client.close()
        _log.info("worker stopped")

    def _close_on_loop(self) -> None:
        loop = get_event_loop_thread()
        for used in (self._remote, self._models, self._store):
            if used is not None and loop is not None:
                asyncio.run_coroutine_threadsafe(used.close(), loop.loop).result(CLOSE_S)


def _model_access(api_key: str, settings: AnalysisWorkerSettings) -> ModelAccess:
    """Return what it takes to ask models. Imported here: a worker without a key spares the package."""
    import analysis_worker.engines.openai.engine  # noqa: F401 - now, and not while the first job waits
    from analysis_worker.engines.openai.access import ModelAccess

    shared = settings.worker
    return ModelAccess.open(
        api_key,
        base_url=shared.openai_base_url,
        model=shared.openai_model,
        table=settings.paid.models,
        timeout_s=settings.paid.timeout_ms / 1000,
    )
