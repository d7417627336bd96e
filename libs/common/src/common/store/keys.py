"""Every key name, one function each. All keys of a queue share one hash tag, hence one slot.

{NS:QUEUE}:config      hash    settings of the queue, see queue_settings.py; why fetch passed ready jobs over
{NS:QUEUE}:tenants     zset    tenants with ready jobs, by virtual time (fair share)
{NS:QUEUE}:held        zset    tenants that a limit of their own holds, by when (ms) it may let them go
{NS:QUEUE}:scheduled   zset    jobs by the time (ms) they may start: SCHEDULED, snoozed PENDING
{NS:QUEUE}:retrying    zset    RETRYING jobs by the time (ms) of their next attempt
{NS:QUEUE}:suspects    zset    PENDING jobs that lost their workers, by when (ms) they may run, alone
{NS:QUEUE}:expiring    zset    jobs by the time (ms) after which they no longer start
{NS:QUEUE}:leases      zset    "id/attempt" of leased jobs by expiry (ms); the member is the fence
{NS:QUEUE}:leased      hash    how many leases each tenant holds
{NS:QUEUE}:cancelling  set     "id/attempt" of leased jobs that were asked to stop
{NS:QUEUE}:starts      zset    "id/attempt" by start (ms), while a window counts them
{NS:QUEUE}:events      stream  packed events, see events.py
{NS:QUEUE}:outbox      stream  what ends of jobs cause elsewhere, see outbox.py
{NS:QUEUE}:counters    hash    totals since the queue began; gauges "ready" and "kept_bytes"; "vtime"
{NS:QUEUE}:clock       string  the latest time (ms) seen, so that time never runs backwards
{NS:QUEUE}:wake        list    tokens that wake waiting consumers
{NS:QUEUE}:everyone    set     tenants that have jobs
{NS:QUEUE}:synced      string  written where a submit waits for the disk, see durability.py
{NS:QUEUE}:ready:TENANT    zset    PENDING jobs by virtual deadline (ms)
{NS:QUEUE}:types:TENANT    set     types of which the tenant has jobs; their indexes together hold every id
{NS:QUEUE}:index:TENANT:NAME   zset    the ids of one index, score 0; names as record.index_name makes them
{NS:QUEUE}:starts:TENANT   zset    as starts, for a tenant's own window
{NS:QUEUE}:done:STATE      zset    final jobs by end time (ms), for retention
{NS:QUEUE}:measured    hash    state -> end time (ms) up to which final jobs were measured, see lua/room.lua
{NS:QUEUE}:minute:N        hash    counts and histograms of minute N since 1970; expires
{NS:QUEUE}:job:ID          string  the job's header and its encoded Dramatiq message, see record.py
{NS:QUEUE}:blobs           zset    hashes of shared messages by when (ms) they were last looked at
{NS:QUEUE}:blob:HASH       string  what jobs share of a large message, compressed, see packing.py
{NS:QUEUE}:holders:HASH    set     the jobs that do
{NS:QUEUE}:files           zset    hashes of files that jobs hold, see lua/files.lua, as blobs
{NS:QUEUE}:file:HASH       string  the time (ms) in the name of such a file
{NS:QUEUE}:filers:HASH     set     the jobs that hold it
{NS:QUEUE}:leaving         zset    names of files that nobody holds by when (ms) they are to be removed
{NS:QUEUE}:listed          string  all files of the queue were listed not long ago; expires
{NS:QUEUE}:run:ID          hash or string  its run record, from when it first moved, see record.py
{NS:QUEUE}:attempts:ID     list    attempts that are over and were not the last
{NS:QUEUE}:specs:ID        list    messages that a retry with another spec replaced
{NS:QUEUE}:result:ID       hash    media, data
{NS:QUEUE}:parts:ID        hash    part name -> attempt, time, media type, entry that tells of it, and data
{NS:QUEUE}:former:ID       hash    entry -> the same of parts that gave way to newer ones
{NS:QUEUE}:former          zset    "entry id" of these by the entry's time (ms), see lua/parts.lua
{NS:QUEUE}:logs:ID         list    the job's own log, newest last, see jobs/logs.py
{NS:QUEUE}:checkpoint:ID   string  what an attempt left for the next one
{NS:QUEUE}:requests:TENANT:N   hash    request id -> job id and digest, of period N since 1970; in a cluster
{NS:QUEUE}:unique:TENANT:KEY   string  the id of the last job with a unique key
{NS:QUEUE}:suspect_turn    string  the worker that makes itself free for a suspect; expires
{NS:QUEUE}:fetched:CONSUMER    string  the last fetch of a consumer, to repeat its reply; expires
{NS:QUEUE}:members     hash    members of batches that have not ended -> tenant, batch
{NS:QUEUE}:ends        stream  what their batches are to hear of them, see batches/ends.py
{NS:QUEUE}:ends_reader string  the scheduler that reads it; expires
{NS:QUEUE}:accounts    zset    "id/attempt" of attempts that failed by when (ms) their books are looked at
{NS:QUEUE}:accounts:paid   hash    the same -> what their jobs count as paid by them, see lua/accounts.lua
{NS::batches}:due      zset    tenant and batch by when (ms) a step of it is due; also :events, :clock
{NS::batches}:index:TENANT     zset    ids of batches, score 0
{NS::batches}:batch:TENANT:ID  hash    its record, see batches/records.py
{NS::batches}:members:TENANT:ID    hash    job id -> where the member is, see lua/batch.lua
{NS::batches}:plan:TENANT:ID   list    jobs that are not submitted yet, some an entry, compressed
{NS::batches}:again:TENANT:ID  list    members that are about to be retried
{NS::batches}:request:TENANT:REQUEST   string  batch and digest of a request id; expires
{NS:requests:TENANT}:N     hash    the same of all queues, on one server; in a cluster, request id -> queue
{NS}:queues            set     names of all queues
{NS}:deployment        hash    seal (key of page tokens), epoch (what resume tokens are good for)
{NS:workers}:seen      zset    worker ids by their last report (ms)
{NS:workers}:worker:ID string  the report; expires
{NS:provider:NAME/MODEL}:state    hash    clock, buckets, circuit and counts of a model, see lua/provider*.lua
{NS:provider:NAME/MODEL}:limits   hash    what an operator allows by the minute, and in flight
{NS:provider:NAME/MODEL}:line     zset    tokens of calls that wait, by virtual start time
{NS:provider:NAME/MODEL}:waiting  hash    token -> tenant, share, until when it is waited for, amounts
{NS:provider:NAME/MODEL}:leases   zset    tokens of calls under way by lease expiry (ms)
{NS:provider:NAME/MODEL}:calls    hash    token -> answer id, tenant, when granted, amounts and sums
{NS:provider:NAME/MODEL}:claims   hash    answer id -> token of the call that will bring it
{NS:provider:NAME/MODEL}:shares   hash    tenant -> virtual finish time
{NS:provider:NAME/MODEL}:answers  zset    answer ids by expiry (ms)
{NS:provider:NAME/MODEL}:sizes    hash    answer id -> bytes
{NS:provider:NAME/MODEL}:answer:ID    hash    body (compressed, perhaps encrypted), job, usage, cost; expires
{NS:provider:NAME/MODEL}:doubt:ID     string  how often its call was under way when its caller died; expires
{NS:provider:NAME/MODEL}:fault:ID     string  "times|answered|at" of a call that failed; expires
{NS:budget:TENANT}:limits  hash    scope (total, day, batch, batch:ID) -> "limit|policy"; revision
{NS:budget:TENANT}:leases  zset    tokens of reservations by expiry (ms)
{NS:budget:TENANT}:calls   hash    token -> reserved amount, day, batch, job, attempt
{NS:budget:TENANT}:total   hash    spent, held, and counts of calls, tokens, savings and waste
{NS:budget:TENANT}:day:N   hash    the same of day N since 1970; expires
{NS:budget:TENANT}:batch:ID    hash    the same of a batch; expires
{NS:budget:TENANT}:job:ID  hash    the same of a job that has a bound of its own; expires
{NS:budget:TENANT}:attempt:ID/ATTEMPT  hash    the same of an attempt; expires
{NS:budget:TENANT}:lapsed:TOKEN    string  what a reservation counted for when its caller died; expires
{NS:budget:TENANT}:told:TOKEN  string  its use was counted already; expires
{NS}:models            set     "NAME/MODEL" of all that were ever called
{NS:KIND:TENANT}:index     zset    ids of kept documents by update time (ms)
{NS:KIND:TENANT}:item:ID   hash    body and its description, see documents.py
{NS:KIND:TENANT}:synced    string  as that of a queue
{NS:conversations:TENANT}:placeholders:ID  hash    version and body of a conversation's placeholder map
{NS:conversations:TENANT}:answers:ID   zset    "NAME/MODEL|answer id" of what was asked about it, by time (ms)
{NS:conversations:TENANT}:erased:ID    zset    the same of a conversation that was erased; expires
{NS}:erasures          zset    steps of erasures by when they are due (ms), see erasure.py
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

#: Keys that a queue has once, in the order in which lua/queue.lua names them.
_SHARED: Final = (
    "config",
    "tenants",
    "scheduled",
    "retrying",
    "leases",
    "cancelling",
    "events",
    "counters",
    "clock",
    "wake",
    "held",
    "expiring",
    "starts",
    "suspects",
    "outbox",
    "everyone",
    "leased",
)


@dataclass(frozen=True)
class QueueKeys:
    """The keys of one queue."""

    namespace: str
    queue: str

    @cached_property
    def prefix(self) -> str:
        return f"{{{self.namespace}:{self.queue}}}:"

    def all(self) -> tuple[str, ...]:
        """Return KEYS for every script of a queue, in the order that lua/queue.lua names them."""
        return self._all

    @cached_property
    def _all(self) -> tuple[str, ...]:
        prefix = self.prefix
        return (*(prefix + name for name in _SHARED), prefix)

    @property
    def events(self) -> str:
        return f"{self.prefix}events"

    @property
    def outbox(self) -> str:
        return f"{self.prefix}outbox"

    @property
    def ends(self) -> str:
        return f"{self.prefix}ends"

    @property
    def ends_reader(self) -> str:
        return f"{self.prefix}ends_reader"

    @property
    def wake(self) -> str:
        return f"{self.prefix}wake"

    @property
    def synced(self) -> str:
        return f"{self.prefix}synced"

    @property
    def config(self) -> str:
        return f"{self.prefix}config"

    @cached_property
    def claims(self) -> str:
        """What keys of the namespace's request ids begin with; it ends before the tenant."""
        return f"{{{self.namespace}:requests:"

    def claims_of(self, tenant: str) -> str:
        """Return what keys of a tenant's request ids begin with."""
        return f"{self.claims}{tenant}}}:"

    def job(self, job_id: str) -> str:
        return f"{self.prefix}job:{job_id}"

    def logs(self, job_id: str) -> str:
        return f"{self.prefix}logs:{job_id}"

    def checkpoint(self, job_id: str) -> str:
        return f"{self.prefix}checkpoint:{job_id}"

    @property
    def cancel_channel(self) -> str:
        """The pub/sub channel on which `cancel` names leased jobs."""
        return f"{self.prefix}cancel"


@cache
def queue_keys(namespace: str, queue: str) -> QueueKeys:
    """Return the keys of a queue; the same object each time."""
    return QueueKeys(namespace, queue)


def batch_keys(namespace: str) -> QueueKeys:
    """Return the keys of all batches: those of a queue without jobs, by a name that no queue has."""
    return queue_keys(namespace, ":batches")


#: Keys that a model of a provider has once, in the order in which lua/provider.lua names them.
_OF_MODEL: Final = (
    "state",
    "limits",
    "line",
    "waiting",
    "leases",
    "calls",
    "claims",
    "shares",
    "answers",
    "sizes",
)


@dataclass(frozen=True)
class ProviderKeys:
    """The keys of one model at one provider."""

    namespace: str
    provider: str
    model: str

    @cached_property
    def prefix(self) -> str:
        return f"{{{self.namespace}:provider:{self.provider}/{self.model}}}:"

    def all(self) -> tuple[str, ...]:
        """Return KEYS for every script of a model, in the order that lua/provider.lua names them."""
        return self._all

    @cached_property
    def _all(self) -> tuple[str, ...]:
        prefix = self.prefix
        return (*(prefix + name for name in _OF_MODEL), prefix)


@cache
def provider_keys(namespace: str, provider: str, model: str) -> ProviderKeys:
    """Return the keys of a model; the same object each time."""
    return ProviderKeys(namespace, provider, model)


def budget(namespace: str, tenant: str) -> tuple[str, ...]:
    """Return KEYS for every script of a tenant's budgets, in the order that lua/budget.lua names them."""
    prefix = f"{{{namespace}:budget:{tenant}}}:"
    return prefix + "limits", prefix + "leases", prefix + "calls", prefix


def models(namespace: str) -> str:
    return f"{{{namespace}}}:models"


def queues(namespace: str) -> str:
    return f"{{{namespace}}}:queues"


def deployment(namespace: str) -> str:
    return f"{{{namespace}}}:deployment"


def workers(namespace: str) -> tuple[str, str]:
    """Return the index of workers and the prefix of their reports."""
    return f"{{{namespace}:workers}}:seen", f"{{{namespace}:workers}}:worker:"


def documents(namespace: str, kind: str, tenant: str) -> tuple[str, str]:
    """Return the index and the item prefix of one tenant's documents of a kind."""
    tag = f"{{{namespace}:{kind}:{tenant}}}"
    return f"{tag}:index", f"{tag}:item:"


def documents_synced(namespace: str, kind: str, tenant: str) -> str:
    """Return the key that is written where a document waits for the disk."""
    return f"{{{namespace}:{kind}:{tenant}}}:synced"


@dataclass(frozen=True, slots=True)
class AskedAbout:
    """The keys of a conversation, and of what stands beside it because something is made of it."""

    conversation: str
    placeholders: str
    answers: str
    erased: str
    insights: str


def asked_about(namespace: str, tenant: str, conversation_id: str) -> AskedAbout:
    _, prefix = documents(namespace, "conversations", tenant)
    tag = prefix.removesuffix("item:")
    beside = (f"{tag}{name}:{conversation_id}" for name in ("placeholders", "answers", "erased", "insights"))
    return AskedAbout(prefix + conversation_id, *beside)


def erasures(namespace: str) -> str:
    return f"{{{namespace}}}:erasures"
