"""What this engine calls itself in a result's provenance."""

from typing import Final

ENGINE_NAME: Final = "local"
#: Grows with every change that may move a number.
ENGINE_VERSION: Final = "1.3.0"
