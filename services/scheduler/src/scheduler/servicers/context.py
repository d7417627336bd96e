"""What servicers need to know of a call: the type of its context, and who may see what."""

from __future__ import annotations

from typing import Any, TypeAlias

import grpc.aio

from bothsides.jobs import v1 as pb
from common.auth.caller import Caller, Role, current_caller

# Quoted, because the class is generic only for the type checker.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


def viewer(view: pb.JobView.ValueType) -> tuple[Caller, bool]:
    """Return the caller, and whether everything is to be shown.

    Raises:
        PermissionDenied: The FULL view is asked for without the role for payloads.
    """
    caller = current_caller()
    full = view == pb.JOB_VIEW_FULL
    if full:
        caller.require(Role.PAYLOAD_READER)
    return caller, full
