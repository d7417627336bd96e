"""Open a channel as every client of the platform should: limits, keepalive, retries.

Retries are gRPC's own, from the service config (gRFC A6): only for calls that are safe to repeat, and
only when the server did not take them. Watches are not in the list; `watch` resumes them with a token.
"""

from __future__ import annotations

import json
from typing import Final

import grpc

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
#: RetryJob is missing: a second one could start a job again that has failed in between.
_REPEATABLE: Final = {
    "JobService": ("CreateJob", "CreateJobs", "GetJob", "ListJobs", "CancelJob"),
    "ConversationService": ("PutConversation", "GetConversation", "ListConversations"),
    "AnalysisService": ("GetAnalysis", "ListAnalyses"),
    "MonitorService": ("GetHealth", "ListQueueStats", "ListWorkers"),
}

SERVICE_CONFIG: Final = json.dumps(
    {
        "methodConfig": [
            {
                "name": [
                    {"service": f"{_PACKAGE}.{service}", "method": method}
                    for service, methods in _REPEATABLE.items()
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
        ]
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


def open_channel(address: str, credentials: grpc.ChannelCredentials | None) -> grpc.Channel:
    """Return a channel to `address` ("host:port"); without credentials it is not encrypted."""
    if credentials is None:
        return grpc.insecure_channel(address, options=OPTIONS)
    return grpc.secure_channel(address, credentials, options=OPTIONS)
