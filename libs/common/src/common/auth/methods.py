"""Which role each method asks for. A method that is not in this table is not served."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from common.auth.caller import Role

_JOBS: Final = "/bothsides.jobs.v1.JobService/"
_BATCHES: Final = "/bothsides.jobs.v1.BatchService/"
_QUEUES: Final = "/bothsides.jobs.v1.QueueService/"
_CONVERSATIONS: Final = "/bothsides.jobs.v1.ConversationService/"
_ANALYSES: Final = "/bothsides.jobs.v1.AnalysisService/"
_MONITOR: Final = "/bothsides.jobs.v1.MonitorService/"
_HEALTH: Final = "/grpc.health.v1.Health/"
_CHANNELZ: Final = "/grpc.channelz.v1.Channelz/"

#: Full method name to role; None is open to everyone, without credentials. The FULL view of a job asks for
#: PAYLOAD_READER as well, which its servicer checks.
METHOD_ROLES: Final[Mapping[str, Role | None]] = MappingProxyType(
    {
        _JOBS + "CreateJob": Role.SUBMITTER,
        _JOBS + "CreateJobs": Role.SUBMITTER,
        _JOBS + "GetJob": Role.VIEWER,
        _JOBS + "ListJobs": Role.VIEWER,
        _JOBS + "WatchJob": Role.VIEWER,
        _JOBS + "WatchJobs": Role.VIEWER,
        _JOBS + "ExplainJob": Role.VIEWER,
        _JOBS + "UpdateJob": Role.SUBMITTER,
        _JOBS + "CancelJob": Role.SUBMITTER,
        _JOBS + "RetryJob": Role.SUBMITTER,
        _JOBS + "DeleteJob": Role.OPERATOR,
        _JOBS + "ListAttempts": Role.VIEWER,
        # Lines are free text by the code of a job, which has the payload at hand.
        _JOBS + "ListJobLogs": Role.PAYLOAD_READER,
        _JOBS + "ListFailureGroups": Role.VIEWER,
        _JOBS + "BulkCancelJobs": Role.OPERATOR,
        _JOBS + "BulkRetryJobs": Role.OPERATOR,
        _BATCHES + "CreateBatch": Role.SUBMITTER,
        _BATCHES + "AddBatchMembers": Role.SUBMITTER,
        _BATCHES + "GetBatch": Role.VIEWER,
        _BATCHES + "ListBatches": Role.VIEWER,
        _BATCHES + "WatchBatch": Role.VIEWER,
        _BATCHES + "CancelBatch": Role.SUBMITTER,
        _BATCHES + "RetryBatch": Role.SUBMITTER,
        _BATCHES + "DeleteBatch": Role.OPERATOR,
        _QUEUES + "GetQueue": Role.VIEWER,
        _QUEUES + "ListQueues": Role.VIEWER,
        _QUEUES + "UpdateQueue": Role.ADMIN,
        _QUEUES + "PauseQueue": Role.OPERATOR,
        _QUEUES + "ResumeQueue": Role.OPERATOR,
        _QUEUES + "DrainQueue": Role.OPERATOR,
        _QUEUES + "ListProviderLimits": Role.VIEWER,
        _QUEUES + "GetProviderLimits": Role.VIEWER,
        _QUEUES + "UpdateProviderLimits": Role.ADMIN,
        _QUEUES + "ListCircuits": Role.VIEWER,
        _QUEUES + "ResetCircuit": Role.OPERATOR,
        # Those of another tenant ask for OPERATOR as well, which the servicer checks.
        _QUEUES + "GetBudgets": Role.VIEWER,
        _QUEUES + "UpdateBudgets": Role.ADMIN,
        _CONVERSATIONS + "PutConversation": Role.SUBMITTER,
        _CONVERSATIONS + "GetConversation": Role.PAYLOAD_READER,
        _CONVERSATIONS + "ListConversations": Role.VIEWER,
        _CONVERSATIONS + "DeleteConversation": Role.OPERATOR,
        _ANALYSES + "GetAnalysis": Role.PAYLOAD_READER,
        _ANALYSES + "ListAnalyses": Role.PAYLOAD_READER,
        _ANALYSES + "GetInsights": Role.PAYLOAD_READER,
        _MONITOR + "GetHealth": Role.VIEWER,
        _MONITOR + "WatchHealth": Role.VIEWER,
        _MONITOR + "ListQueueStats": Role.VIEWER,
        _MONITOR + "ListWorkers": Role.VIEWER,
        # Probes and load balancers carry no token; the answer is one word.
        _HEALTH + "Check": None,
        _HEALTH + "List": None,
        _HEALTH + "Watch": None,
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Role.VIEWER,
        _CHANNELZ + "GetTopChannels": Role.VIEWER,
        _CHANNELZ + "GetServers": Role.VIEWER,
        _CHANNELZ + "GetServer": Role.VIEWER,
        _CHANNELZ + "GetServerSockets": Role.VIEWER,
        _CHANNELZ + "GetChannel": Role.VIEWER,
        _CHANNELZ + "GetSubchannel": Role.VIEWER,
        _CHANNELZ + "GetSocket": Role.VIEWER,
    }
)
