"""How every client of the platform speaks to its servers: limits, keepalive, replicas, retries.

Retries are gRPC's own, from the service config (gRFC A6): only for calls that are safe to repeat, and
only when the server did not take them. Watches are not in the list; `watch` resumes them with a token.
Calls go to the replicas of a service in turn, and past those that are not there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

#: Largest message either way; the largest transcript (8 MiB) fits with room to spare.
MESSAGE_LIMIT_BYTES: Final = 16 * 1024 * 1024
#: A connection that is silent for so long is probed, so that a dead one is noticed under a watch.
KEEPALIVE_MS: Final = 30_000
#: How long a probe may stay unanswered.
KEEPALIVE_TIMEOUT_MS: Final = 10_000
#: Reconnect soon: gRPC's own defaults (1 s to 2 min) would outlast a server's restart by far.
RECONNECT_MIN_MS: Final = 100
RECONNECT_MAX_MS: Final = 5_000

_PACKAGE: Final = "bothsides.jobs.v1"
#: Calls that may be repeated: reads, verbs that repeat harmlessly, and creates, which carry a request id.
#: RetryJob and RetryBatch are missing: a second one could start a job again that has failed in between.
#: UpdateJob and UpdateQueue are: with an etag, a second one would be refused because of the first.
REPEATABLE: Final = {
    "JobService": (
        *("CreateJob", "CreateJobs", "GetJob", "ListJobs", "CancelJob"),
        *("ExplainJob", "ListAttempts", "ListJobLogs", "ListFailureGroups"),
    ),
    "BatchService": ("CreateBatch", "AddBatchMembers", "GetBatch", "ListBatches", "CancelBatch"),
    "QueueService": (
        "GetQueue",
        "ListQueues",
        "PauseQueue",
        "ResumeQueue",
        "DrainQueue",
        "ListProviderLimits",
        "GetProviderLimits",
        "ListCircuits",
        "ResetCircuit",
        "GetBudgets",
    ),
    "ConversationService": ("PutConversation", "GetConversation", "ListConversations"),
    "AnalysisService": ("GetAnalysis", "ListAnalyses"),
    "MonitorService": ("GetHealth", "ListQueueStats", "ListWorkers"),
}

SERVICE_CONFIG: Final = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        # When most calls to a server fail, as in an outage, they are not repeated until some succeed again.
        "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.5},
        "methodConfig": [
            {
                "name": [
                    {"service": f"{_PACKAGE}.{service}", "method": method}
                    for service, methods in REPEATABLE.items()
                    for method in methods
                ],
                "retryPolicy": {
                    "maxAttempts": 5,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "5s",
                    "backoffMultiplier": 3,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
    }
)

OPTIONS: Final[tuple[tuple[str, int | str], ...]] = (
    ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", RECONNECT_MIN_MS),
    ("grpc.min_reconnect_backoff_ms", RECONNECT_MIN_MS),
    ("grpc.max_reconnect_backoff_ms", RECONNECT_MAX_MS),
    ("grpc.enable_retries", 1),
    ("grpc.service_config", SERVICE_CONFIG),
)


def options_for(authority: str | None = None) -> Sequence[tuple[str, int | str]]:
    """Return the options of a channel; `authority` is the servers' name, if it is not their address."""
    if authority is None:
        return OPTIONS
    return (
        *OPTIONS,
        ("grpc.default_authority", authority),
        ("grpc.ssl_target_name_override", authority),
    )


def is_repeatable(service: str, method: str) -> bool:
    """Say whether the call may be made again when it is not known whether it was taken."""
    return method in REPEATABLE.get(service, ())
