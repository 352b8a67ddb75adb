"""Freed memory of a training process on a CPU kept for its next batch, instead of handed back page by page.

An activation of a few megabytes lies beyond the size up to which glibc keeps what is freed. Every batch then asks the
system for the same memory again, page by page, in the middle of its convolutions. CUDA has a caching allocator for that.
"""

from __future__ import annotations

import ctypes
import sys

# glibc's malloc.h
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let this process keep what it frees until it ends; what it holds is its peak.

    Returns:
        Whether the allocator takes such advice: glibc's does, others are left as they are.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_TRIM_THRESHOLD, NEVER) == 1 and mallopt(M_MMAP_MAX, 0) == 1)
