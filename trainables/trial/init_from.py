"""The weights that every replicate of a configuration begins from, by its knob `init_from`: fine-tuning, also as a search.

    PATH, s3://BUCKET/KEY       anyone's weights or checkpoint, as `trainables.models.foreign.weights` reads them
    PATH#DIGEST                 the same, with the first 16 digits of the file's SHA-256: another file is refused
    torchvision                 torchvision's ImageNet weights of the network, where torch keeps them on this machine

The last layer keeps its own start where the weights are of other classes.
"""

from __future__ import annotations

import hashlib
import logging
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from trainables.models.foreign import files as foreign_files
from trainables.models.foreign import weights as foreign_weights
from trainables.storage import local_copy, place

if TYPE_CHECKING:
    from trainables.config.training import TrainingConfig

logger = logging.getLogger("trainables")

TORCHVISION = "torchvision"
_DIGITS = 16
_CHUNK = 2**20


def apply(model: nn.Module, config: TrainingConfig) -> None:
    """Put the weights that a configuration begins from, if it names any, into its new network.

    Raises:
        ValueError: no such file, another one than was launched with, no weights, or those of another network.
    """
    if config.init_from is None:
        return
    if config.init_from == TORCHVISION:
        name, state = f"torchvision's {arch_of(config)}", foreign_files.read(torchvision_file(config))
    else:
        name, state = _read(config.init_from)
    begin(model, state, name)


def begin(model: nn.Module, state: dict[str, Any], name: str) -> None:
    """Put weights into a model; its last layer keeps its own where they are of other classes."""
    mine = model.state_dict()
    theirs = foreign_weights.unwrapped(name, state)
    last = _last_layer(mine, theirs)
    if not last:
        told = foreign_weights.load_weights(model, state, name=name)
        logger.info("%s", told or f"beginning from the weights of {name}")
        return
    # Matched as if both had the same classes.
    as_theirs = mine | {own: theirs[other] for own, other in last.items()}
    weights, _ = foreign_weights.with_names_of(as_theirs, theirs)
    foreign_weights.load_weights(model, {**weights, **{own: mine[own] for own in last}}, name=name)
    logger.info("the last layer keeps its own start: the weights of %s are of other classes", name)


def digest(source: str) -> str:
    """The source with the digest of its file, so that another file of that name is noticed later; `ValueError` where
    there is none."""
    path, _, _ = source.partition("#")
    if path == TORCHVISION:
        return path
    with _local(path) as file:
        return f"{path}#{_digest(file)}"


def require(source: str | None) -> None:
    """`ValueError` where the file that a knob names is not here, or is another one than was launched with."""
    if source is None or source == TORCHVISION:
        return
    path, _, expected = source.partition("#")
    with _local(path) as file:
        if expected:
            _require_same(path, file, expected)


def torchvision_file(config: TrainingConfig) -> Path:
    """Where torch keeps torchvision's weights of a configuration's network once they have been downloaded."""
    from torchvision.models import get_model_weights

    arch = arch_of(config)
    if getattr(config, "stride_in", None) == "1x1":
        raise ValueError(f"torchvision's weights of {arch} have the stride in the 3x3 convolution; set stride_in=3x3")
    try:
        weights = next(iter(get_model_weights(arch)))
    except (ValueError, StopIteration):
        raise ValueError(f"torchvision has no weights of {arch or 'this network'}; leave --pretrained out") from None
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    if not path.is_file():
        raise ValueError(f"torchvision's weights of {arch} are not on this machine; put {path.name} into {path.parent}")
    return path


def arch_of(config: TrainingConfig) -> str:
    """The name of a configuration's network, as torchvision might know it."""
    return str(getattr(config, "model", None) or getattr(config, "arch", ""))


def _last_layer(mine: dict[str, Tensor], theirs: dict[str, Tensor]) -> dict[str, str]:
    """Our names of the last layer's tensors -> theirs, where the two layers differ in the number of classes alone."""
    module = _module(list(mine)[-1])
    named_alike = {_module(name) for name in theirs if f".{_module(name)}".endswith(f".{module}")}
    their_module = named_alike.pop() if len(named_alike) == 1 else _module(list(theirs)[-1])
    own, other = (
        {name.rpartition(".")[2]: name for name in tensors if _module(name) == of}
        for tensors, of in ((mine, module), (theirs, their_module))
    )
    pairs = {own[kind]: other[kind] for kind in own if kind in other}
    differing = [(mine[a].shape, theirs[b].shape) for a, b in pairs.items() if mine[a].shape != theirs[b].shape]
    if len(pairs) < len(own) or not differing or any(a[1:] != b[1:] or a[0] == b[0] for a, b in differing):
        return {}
    return pairs


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def _read(source: str) -> tuple[str, dict[str, Any]]:
    """The path, and what the file holds; remembered where a digest says that it is the same file."""
    return _remembered(source) if "#" in source else _loaded(source)


@lru_cache(maxsize=1)  # every replicate of a trial reads the same
def _remembered(source: str) -> tuple[str, dict[str, Any]]:
    return _loaded(source)


def _loaded(source: str) -> tuple[str, dict[str, Any]]:
    path, _, expected = source.partition("#")
    with _local(path) as file:
        if expected:
            _require_same(path, file, expected)
        return path, foreign_files.read(file)


def _require_same(path: str, file: Path, expected: str) -> None:
    if (found := _digest(file)) != expected:
        raise ValueError(
            f"{path} is not the file that the search was launched with: its SHA-256 begins with {found}, not {expected}; "
            "restore it"
        )


def _local(path: str) -> Any:
    """A file on this machine, brought from S3 where it is there."""
    found = place(path)
    if not found.is_file() if isinstance(found, Path) else not found.exists():
        raise ValueError(f"there is no file {path} with weights to begin from; give one that every node reads")
    return local_copy(found)


def _digest(file: Path) -> str:
    summed = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            summed.update(chunk)
    return summed.hexdigest()[:_DIGITS]
