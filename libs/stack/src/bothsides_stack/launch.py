"""Become another program, but die with the parent: run by path, before anything else is imported.

    python -I -S launch.py PARENT_PID PROGRAM ARGUMENT...

On Linux the kernel is asked to kill this process when the thread that started it ends (prctl(2),
PR_SET_PDEATHSIG); the request outlives exec, so even a supervisor that is killed outright leaves nothing
running. Elsewhere the program is only started. A `preexec_fn` would make the same call between fork and exec
of a process with threads, which Python and gRPC both advise against. Refuses to interpret what it starts.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel for SIGKILL on the parent's death; leave at once if it is already dead.

    Raises:
        OSError: The kernel refused.
    """
    if sys.platform != "linux":
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:
        sys.exit(1)


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - becoming the given program is the point
