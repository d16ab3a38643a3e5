"""Keeps arithmetic in the thread that asks for it. Called by the eyes and by a replay.

Calls OpenCV and threadpoolctl. Both OpenCV and NumPy's BLAS take a thread for each core otherwise.
The eyes' pictures and products are small, so that gains nothing; beside cameras' threads, on a
small box, it costs much: a search among 10,000 then waits for threads that do not run (on two busy
cores 40 to 170 ms, of which 11 to 24 ms of processor time, against 0.8 to 1.2 ms in one thread).
"""

import cv2
from threadpoolctl import threadpool_limits


def one_thread() -> None:
    """Let OpenCV and BLAS use no thread but the caller's, from now on, in this process."""
    cv2.setNumThreads(1)
    threadpool_limits(1)
