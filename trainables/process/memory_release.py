"""The memory of what has ended given back, without looking each time through all that outlives it."""

from __future__ import annotations

import gc
import sys

_frozen = False  # asking the collector how much is frozen takes as long as a collection


def release() -> None:
    """Free what nobody refers to any more, on this machine and on the card.

    What is left after the first call, above all the imported packages, is not looked through again: that takes a quarter
    of a second, ten times as long as building the networks of a short trial and writing its checkpoint.
    """
    global _frozen
    gc.collect()
    if not _frozen:
        gc.freeze()
        _frozen = True
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
