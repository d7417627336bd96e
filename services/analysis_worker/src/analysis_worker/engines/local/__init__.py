"""The engine that needs no key, no download and no network.

One conversation, one thread: processes are what spreads the work. A linear-algebra library that starts
threads of its own for matrices this small would spend six times the processor time, and could move the last
bits.
"""

import os

#: Read when the library loads, so set before anything here imports it. Not overruled where it is set.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
