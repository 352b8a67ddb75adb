"""The state of a user's own code as bytes. It may hold anything that Python can pickle: estimators, arrays, tensors.

Reading it runs code, as the user's file does that lies beside it; so it is read for experiments of own code alone.
"""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any

_ZIP = b"PK"  # what torch writes


def packed(state: dict[str, Any]) -> bytes:
    """The state as torch writes it where this process has torch, so that it can be read without the card it lay on."""
    torch = sys.modules.get("torch")
    if torch is None:
        return pickle.dumps(state, protocol=5)
    file = io.BytesIO()
    torch.save(state, file, pickle_protocol=5)
    return file.getvalue()


def unpacked(content: bytes) -> Any:
    """What was packed, every tensor on the CPU."""
    if not content.startswith(_ZIP):
        return pickle.loads(content)
    import torch

    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)
