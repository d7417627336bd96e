"""Who orders the jobs: a client that asks one scheduler after the other until it has been told yes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from uuid import uuid4

import grpc
from google.protobuf.struct_pb2 import Value

from bothsides.jobs import v1 as pb
from support.chaos.processes import SchedulerProgram

#: One call may take this long (s); then the same request goes to the other scheduler.
CALL_TIMEOUT_S = 2.0


class Intake(threading.Thread):
    """Orders jobs until it is stopped, as long as fewer than `ahead` wait to have their effect."""

    def __init__(
        self,
        schedulers: Sequence[SchedulerProgram],
        duration_ms: int,
        effects: Callable[[], int],
        *,
        ahead: int,
        most: int | None,
    ) -> None:
        super().__init__(name="Intake", daemon=True)
        self._stubs = [pb.JobServiceStub(scheduler.channel) for scheduler in schedulers]
        self._duration_ms = duration_ms
        self._effects = effects
        self._ahead = ahead
        self._most = most
        self._stopped = threading.Event()
        #: The id that each request was answered with.
        self.job_ids: list[str] = []
        #: How often a request was sent again since no answer came, or a refusal.
        self.repeats = 0

    def run(self) -> None:
        while not self._stopped.is_set() and len(self.job_ids) != self._most:
            if len(self.job_ids) % 20 == 0 and self._is_far_ahead():
                self._stopped.wait(0.02)
                continue
            self._order()

    def stop(self) -> list[str]:
        """Finish the request under way; return the ids of all jobs that were accepted."""
        self._stopped.set()
        self.join()
        return self.job_ids

    def _is_far_ahead(self) -> bool:
        return len(self.job_ids) - self._effects() >= self._ahead

    def _order(self) -> None:
        spec = pb.GenericSpec(actor="effect", args=[Value(number_value=self._duration_ms)])
        request = pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=spec)), request_id=str(uuid4()))
        attempt = len(self.job_ids)
        while True:
            stub = self._stubs[attempt % len(self._stubs)]
            try:
                self.job_ids.append(stub.CreateJob(request, timeout=CALL_TIMEOUT_S).job_id)
                return
            except grpc.RpcError:
                # Whatever it was, the job may be there: the request's id makes it safe to ask again.
                self.repeats += 1
                attempt += 1
                self._stopped.wait(0.02)
