"""Keeps arithmetic in the thread that asks for it. Called by the eyes and by a replay.

Calls OpenCV and threadpoolctl. Both OpenCV and NumPy's BLAS take a thread for each core otherwise.
The eyes' pictures and products are small, so that gains little; beside cameras' threads, on a
small box, it costs much. Measured on two cores, processor time: counting a 1280x720 picture
5.1 ms, in one thread 2.7; a search among 10,000 11 to 53 ms, in one thread 0.7; on busy
cores such a search also waited 40 to 170 ms for threads that did not run, in one thread 1.2.
"""

import cv2
from threadpoolctl import threadpool_limits


def one_thread() -> None:
    """Let OpenCV and BLAS use no thread but the caller's, from now on, in this process."""
    cv2.setNumThreads(1)
    threadpool_limits(1)
