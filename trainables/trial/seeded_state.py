"""Seed-only checkpoints of a replicate: what moved, and the hash of what its seed gives again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from trainables.trial.state_form import ForeignWeights

_TENSOR = "tensor"  # marks the place of a tensor in a packed tree


def frozen_hash(state: Mapping[str, Tensor], names: Iterable[str]) -> str:
    """SHA-256 over name, type, shape and values of some tensors of a model's state, in the order of the names."""
    digest = hashlib.sha256()
    for name in names:
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def describe(seed: int, frozen: str) -> dict[str, Any]:
    """What a checkpoint says of the tensors it leaves out: the seed they come from, the version of torch, their hash."""
    return {"seed": seed, "torch": str(torch.__version__), "hash": frozen}


def require_same(written: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """`ForeignWeights` where what this process draws from the seed is not what the checkpoint was trained on."""
    if written["hash"] != here["hash"]:
        raise ForeignWeights(
            f"the checkpoint leaves out frozen tensors with hash {written['hash'][:12]} (seed {written['seed']}, torch "
            f"{written['torch']}), but seed {here['seed']} with torch {here['torch']} gives {here['hash'][:12]} here; "
            "continue with the version and the kind of machine it was written on"
        )


def pack(tree: Any) -> dict[str, Any]:
    """Nested dictionaries, lists and tuples with all their tensors joined to one for each type.

    A file has half a kilobyte for each tensor of its own, more than a small network's gammas take.
    """
    found: dict[str, list[Tensor]] = {}

    def taken(node: Any) -> Any:
        if isinstance(node, Tensor):
            kind = str(node.dtype).removeprefix("torch.")
            found.setdefault(kind, []).append(node.detach().reshape(-1))
            return (_TENSOR, kind, tuple(node.shape))
        return _mapped(node, taken)

    structure = taken(tree)
    return {"tree": structure, "tensors": {kind: torch.cat(pieces) for kind, pieces in found.items()}}


def unpack(packed: Mapping[str, Any]) -> Any:
    """What was given to `pack`."""
    left = dict(packed["tensors"])

    def put(node: Any) -> Any:
        if isinstance(node, tuple) and len(node) == 3 and node[0] == _TENSOR:
            _, kind, shape = node
            size = torch.Size(shape).numel()
            piece, left[kind] = left[kind][:size], left[kind][size:]
            return piece.clone().view(shape)
        return _mapped(node, put)

    return put(packed["tree"])


def _mapped(node: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(node, Mapping):
        return {key: change(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(change(value) for value in node)
    return node
