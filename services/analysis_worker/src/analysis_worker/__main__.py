"""`python -m analysis_worker`: runs one worker until SIGTERM or SIGINT.

Child processes import this module too, under another name, so everything else is imported in `main`.
"""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run until a signal; return the exit status."""
    from analysis_worker.app import AnalysisWorker
    from analysis_worker.runtime.actors import ActorModulesMissing
    from analysis_worker.runtime.health import AddressUnusable
    from analysis_worker.runtime.registry import HandlersIncomplete
    from analysis_worker.runtime.signals import stop_on_signals
    from analysis_worker.settings import AnalysisWorkerSettings
    from common.logs import configure_logging
    from common.settings import SettingsError
    from common.store.servers import ServerTooOld
    from common.telemetry.setup import Telemetry

    stop = stop_on_signals()
    try:
        settings = AnalysisWorkerSettings.from_environment(os.environ)
        configure_logging(settings.worker.telemetry.log_level)
        telemetry = Telemetry.start("analysis_worker", settings.worker.telemetry)
        worker = AnalysisWorker(settings)
    except (SettingsError, HandlersIncomplete, ActorModulesMissing, AddressUnusable, ServerTooOld) as error:
        print(f"analysis_worker: {error}", file=sys.stderr)
        return 2
    try:
        worker.start()
        stop.wait()
    finally:
        worker.stop()
        telemetry.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
