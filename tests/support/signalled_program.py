"""A program that waits to be stopped; whoever runs it says to which thread the signals go.

    python -m support.signalled_program THREAD COUNT

THREAD is "main" or "other". Sends itself COUNT SIGTERMs once it waits, and exits with 0 if one stopped it.
"""

from __future__ import annotations

import signal
import sys
import threading
import time

from analysis_worker.runtime.signals import stop_on_signals

#: Long enough for the main thread to wait, and for one signal to be heard before the next (s).
PAUSE_S = 0.3


def main(target: str, count: int) -> int:
    stop = stop_on_signals()
    never = threading.Event()
    other = threading.Thread(target=never.wait, daemon=True)
    other.start()
    thread = threading.main_thread() if target == "main" else other

    def send() -> None:
        for _ in range(count):
            time.sleep(PAUSE_S)
            signal.pthread_kill(thread.ident or 0, signal.SIGTERM)

    threading.Thread(target=send, daemon=True).start()
    stop.wait()
    if count > 1:
        never.wait()  # as a worker does that cannot stop
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
