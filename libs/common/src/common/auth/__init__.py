"""Who calls, and what they may do."""

from common.auth.caller import Caller, Role, current_caller

__all__ = ["Caller", "Role", "current_caller"]
