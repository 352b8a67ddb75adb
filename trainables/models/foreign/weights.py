"""Weights of others taken over into a network: unwrapped, their names brought to ours, all of them or none.

What is understood, always strictly: every tensor of the network gets one of the same shape, and none is left over.

* dictionaries around the weights, with an optimizer, an epoch or arguments beside them;
* a prefix that all names share, of any wrapper, any number of them: `module.`, `_orig_mod.`, `model.`;
* the wrapper of a part: `features.module.` where every name below `features.` has it;
* files older than the counters of batches, and counters of a profiler beside the weights;
* one part of several, where it alone is this network: what a program for training kept beside it;
* the names of other programs, see `trainables.models.foreign.names`. The last two are told in one sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainables.config.wording import some
from trainables.models.foreign import files as foreign_files
from trainables.models.foreign import names as foreign_names

# Where published checkpoints keep the weights, the likeliest first.
WRAPPINGS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params"),
    *("state_dict_ema", "model_ema", "ema_state_dict", "ema"),
)
WRAPPER = "module"  # what torch's data-parallel wrappers put before every name
PROFILER = ("total_ops", "total_params")  # what thop leaves in every layer


def load_weights(
    model: nn.Module, source: str | Path | dict[str, Any], replicate: int = 0, name: str = "the checkpoint"
) -> str | None:
    """Put the weights of a checkpoint, ours or a foreign one, into a model; the model is untouched when they do not fit.

    Only tensors and plain containers are read.

    Args:
        model: built for these weights.
        source: a file, or what it holds.
        replicate: which one, of a trial's checkpoint.
        name: what errors call a dictionary; a file is called by its path.

    Returns:
        A sentence for a person, where the names had to be matched otherwise than by wrappers and counters.

    Raises:
        ValueError: no such file, not a checkpoint, no such replicate, weights of another network (the sentence lists
            what is missing, what is unexpected and what has another shape), or weights that are not finite.
    """
    name, state = (name, source) if isinstance(source, dict) else (str(source), foreign_files.read(Path(source)))
    mine = model.state_dict()
    weights, how = with_names_of(mine, unwrapped(name, state, replicate))
    _require_fit(name, weights, mine)
    _require_finite(name, weights)
    model.load_state_dict(weights)
    return None if how is None else f"the weights of {name} were taken {how}"


def unwrapped(name: str, state: dict[str, Any], replicate: int = 0) -> dict[str, Tensor]:
    """The names and tensors inside a checkpoint."""
    replicates = state.get("replicates")
    if isinstance(replicates, list) and all(isinstance(one, dict) for one in replicates):
        state = _replicate(name, replicates, replicate)
    found = _weights_in(state)
    if found is None:
        raise ValueError(
            f"{name} holds no state dictionary (its entries: {some([str(key) for key in state])}); save "
            "model.state_dict()"
        )
    return found


def with_names_of(mine: Mapping[str, Tensor], theirs: dict[str, Tensor]) -> tuple[dict[str, Tensor], str | None]:
    """Their tensors by our names as far as that is unambiguous; and how they were matched, where that is worth a word."""
    plain = _without_wrappers_of_parts(mine, _without_profiler(theirs))
    own, other = _common_prefix(mine), _common_prefix(plain)
    renamed = _with_counters(mine, {own + key.removeprefix(other): tensor for key, tensor in plain.items()})
    if renamed.keys() == mine.keys():
        return renamed, None
    if part := _only_part(mine, own, {key.removeprefix(other): tensor for key, tensor in plain.items()}):
        prefix, weights = part
        left = some(sorted({key.partition(".")[0] for key in plain if not key.startswith(other + prefix)}))
        return weights, f"from `{other}{prefix.removesuffix('.')}` alone; not taken: {left}"
    inner = {key.removeprefix(own): tensor for key, tensor in mine.items()}
    if found := foreign_names.matched(inner, {key.removeprefix(other): tensor for key, tensor in plain.items()}):
        naming, how = found
        matched = {own + ours: plain[other + name] for name, ours in naming.items()}
        for name in filter(foreign_names.is_counter, plain):  # of the modules that were matched
            module, counter = _split(name.removeprefix(other))
            if ours := next((ours for key, ours in naming.items() if _split(key)[0] == module), None):
                matched[f"{own}{_split(ours)[0]}{counter}"] = plain[name]
        return _with_counters(mine, {key: matched[key] for key in mine if key in matched}), how
    return _closest(mine, theirs, renamed), None


def _only_part(
    mine: Mapping[str, Tensor], own: str, theirs: Mapping[str, Tensor]
) -> tuple[str, dict[str, Tensor]] | None:
    """The one part of theirs that has our names and shapes, and its prefix; None where there is none, or several."""
    found = []
    for prefix in dict.fromkeys(key.partition(".")[0] + "." for key in theirs if "." in key):
        below = {key.removeprefix(prefix): tensor for key, tensor in theirs.items() if key.startswith(prefix)}
        inner = _common_prefix(below)
        weights = _with_counters(mine, {own + key.removeprefix(inner): tensor for key, tensor in below.items()})
        if weights.keys() == mine.keys() and all(weights[key].shape == mine[key].shape for key in mine):
            found.append((prefix, weights))
    return found[0] if len(found) == 1 else None


def _with_counters(mine: Mapping[str, Tensor], theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """With our own counters where theirs has none of a kind."""
    kinds = {_split(key)[1] for key in theirs}
    return theirs | {
        key: tensor for key, tensor in mine.items() if foreign_names.is_counter(key) and _split(key)[1] not in kinds
    }


def _split(name: str) -> tuple[str, str]:
    """The module's name with its dot, and the tensor's."""
    module, dot, tensor = name.rpartition(".")
    return module + dot, tensor


def _closest(mine: Mapping[str, Tensor], theirs: dict[str, Tensor], renamed: dict[str, Tensor]) -> dict[str, Tensor]:
    """Whichever has more of our names, so that a refusal lists what is really missing."""
    return renamed if len(renamed.keys() & mine.keys()) > len(theirs.keys() & mine.keys()) else theirs


def _weights_in(state: Mapping[Any, Any]) -> dict[str, Tensor] | None:
    """A state dictionary as it is, or the one in a dictionary around it: by its usual name, or the only one."""
    if _is_weights(state):
        return {key: _tensor(value) for key, value in state.items()}
    inner = {key: value for key, value in state.items() if isinstance(value, Mapping)}
    for key in WRAPPINGS:
        if key in inner and (found := _weights_in(inner[key])) is not None:
            return found
    others = [value for value in inner.values() if _is_weights(value)]
    return _weights_in(others[0]) if len(others) == 1 else None


def _is_weights(state: Mapping[Any, Any]) -> bool:
    return bool(state) and all(
        isinstance(key, str) and isinstance(value, Tensor | np.ndarray) for key, value in state.items()
    )


def _tensor(value: Tensor | np.ndarray[Any, Any]) -> Tensor:
    return value.detach() if isinstance(value, Tensor) else torch.from_numpy(value)


def _common_prefix(names: Iterable[str]) -> str:
    """The longest prefix of whole components that all names share; the last component of a name is never part of it."""
    split = [name.split(".")[:-1] for name in names]
    if not split:
        return ""
    shared: list[str] = []
    for components in zip(*split, strict=False):
        if len(set(components)) > 1:
            break
        shared.append(components[0])
    return "".join(f"{component}." for component in shared)


def _without_wrappers_of_parts(mine: Mapping[str, Tensor], theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their names without `module.` below a part that was wrapped, as in `features.module.0.weight`.

    A part counts as wrapped where all its names have the wrapper; a network with a part of that name keeps it.
    """
    if any(WRAPPER in key.split(".") for key in mine):
        return theirs
    while wrapped := next(filter(None, (_wrapped_part(key, theirs) for key in theirs)), None):
        part = wrapped.removesuffix(f"{WRAPPER}.")
        theirs = {
            part + key.removeprefix(wrapped) if key.startswith(wrapped) else key: tensor
            for key, tensor in theirs.items()
        }
    return theirs


def _wrapped_part(key: str, names: Iterable[str]) -> str | None:
    """`features.module.` for a key in it, where all names below `features.` have it."""
    components = key.split(".")
    for end in range(1, len(components) - 1):
        part = ".".join(components[:end]) + "."
        wrapped = f"{part}{WRAPPER}."
        if components[end] == WRAPPER and all(name.startswith(wrapped) for name in names if name.startswith(part)):
            return wrapped
    return None


def _without_profiler(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in theirs.items() if key.rpartition(".")[2] not in PROFILER}


def _replicate(name: str, replicates: list[dict[str, Any]], index: int) -> dict[str, Any]:
    if not 0 <= index < len(replicates):
        raise ValueError(f"{name} has the replicates 0 to {len(replicates) - 1}, but {index} was asked for")
    if replicates[index].get("failure") is not None:
        raise ValueError(f"replicate {index} of {name} failed and has no weights; choose another one")
    return replicates[index]


def _require_fit(name: str, weights: Mapping[str, Tensor], mine: Mapping[str, Tensor]) -> None:
    differing = [key for key in mine if key in weights and weights[key].shape != mine[key].shape]
    complaints = [
        f"{what}: {some(keys)}"
        for what, keys in (
            ("missing", [key for key in mine if key not in weights]),
            ("unexpected", [key for key in weights if key not in mine]),
            ("of another shape", [_shapes(key, weights[key], mine[key]) for key in differing]),
        )
        if keys
    ]
    if complaints:
        raise ValueError(
            f"{name} holds the weights of another network ({'; '.join(complaints)}); build the one it was trained with"
        )


def _require_finite(name: str, weights: Mapping[str, Tensor]) -> None:
    """`ValueError` for the weights of a run that diverged: whatever begins from them is not a number either."""
    broken = [key for key, tensor in weights.items() if tensor.is_floating_point() and not torch.isfinite(tensor).all()]
    if broken:
        raise ValueError(
            f"{name} holds weights that are not finite numbers ({some(broken)}), as a run leaves them that diverged; give "
            "a checkpoint from before"
        )


def _shapes(key: str, theirs: Tensor, mine: Tensor) -> str:
    return f"{key} {tuple(theirs.shape)} instead of {tuple(mine.shape)}"
