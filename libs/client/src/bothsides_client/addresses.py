"""Where the services listen unless told otherwise; apart, so that `--help` need not import gRPC."""

from typing import Final

DEFAULT_SCHEDULER_ADDR: Final = "127.0.0.1:50051"
DEFAULT_MONITOR_ADDR: Final = "127.0.0.1:50052"
