"""What each service needs to know before it starts, read once from its environment.

Only a service's `__main__` passes `os.environ` in; nothing else in the platform reads a variable. Problems
are reported all together, as one SettingsError. Secrets are kept out of every `repr`.
"""

from common.settings.environment import Address, Environment, Problem, SettingsError
from common.settings.server import AuthSettings, ServerSettings, TlsSettings
from common.settings.services import (
    JobSettings,
    MonitorSettings,
    SchedulerSettings,
    TelemetrySettings,
    WorkerSettings,
)
from common.settings.store import Cluster, Sentinels, StoreSettings, StoreTls

__all__ = [
    "Address",
    "AuthSettings",
    "Cluster",
    "Environment",
    "JobSettings",
    "MonitorSettings",
    "Problem",
    "SchedulerSettings",
    "Sentinels",
    "ServerSettings",
    "SettingsError",
    "StoreSettings",
    "StoreTls",
    "TelemetrySettings",
    "TlsSettings",
    "WorkerSettings",
]
