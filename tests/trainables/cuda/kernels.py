"""How many kernels CUDA launches for one ATen operation, estimated from its name and tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

# What only describes memory anew, or reserves it: no kernel.
_NAMES = """
view _unsafe_view reshape t transpose permute expand as_strided select slice unsqueeze squeeze alias detach unbind split
split_with_sizes unfold diagonal _reshape_alias lift_fresh empty empty_like new_empty empty_strided new_empty_strided
view_as narrow chunk movedim view_dtype resize_ set_ swapaxes flatten unflatten sym_size sym_stride sym_numel
is_same_size _has_compatible_shallow_copy_type result_type device
"""
VIEWS = frozenset(_NAMES.split())

# Where it is not one. Convolutions may take more (transforms of layout and type); a count is a lower bound.
_SEVERAL = {
    "convolution_backward": 2,
    "native_batch_norm": 2,
    "native_batch_norm_backward": 2,
    "native_group_norm": 2,
    "native_group_norm_backward": 3,
    "linalg_vector_norm": 2,
    "max_pool2d_with_indices_backward": 2,
}

# Tensors and blocks of 65,536 numbers that one launch of a multi-tensor kernel takes, by how many lists it goes through.
_TENSORS = {1: 110, 2: 64, 3: 48, 4: 36, 5: 30}
_BLOCKS = 320


def launched(name: str, args: Sequence[object]) -> int:
    """Kernels of the operation `name` (without `aten::`) on these arguments."""
    if name in VIEWS:
        return 0
    if name.startswith(("_foreach_", "_fused_")):
        lists = [argument for argument in args if _is_tensors(argument)]
        tensors = lists[0] if lists else []
        blocks = sum(math.ceil(tensor.numel() / 65_536) for tensor in tensors)
        return max(1, math.ceil(len(tensors) / _TENSORS[min(5, max(1, len(lists)))]), math.ceil(blocks / _BLOCKS))
    return _SEVERAL.get(name, 1)


def _is_tensors(argument: object) -> bool:
    return isinstance(argument, list | tuple) and len(argument) > 0 and all(isinstance(t, Tensor) for t in argument)
