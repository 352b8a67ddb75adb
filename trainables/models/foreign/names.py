"""The names that other programs give the tensors of a network, read as ours; only where nothing is left to guess.

Two ways, in this order. By what a tensor is: the names of ResNets (torchvision's and timm's, those of the online
normalisation, deconvolution and deep-vision repositories) and of deep-vision's Inception say it themselves. Else by order
of definition: the same kinds and shapes of tensors, module by module, in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby

from torch import Tensor

# Not in every checkpoint of the same network; their place is taken by what a new network has.
COUNTERS = ("num_batches_tracked", "steps")
_SHORTCUT = r"downsample|shortcut|projection|skip"
# Of each layer of Online Normalization: the published name -> ours.
_STREAMS = {"norm.m": "mu", "norm.var": "var", "norm.u": "u", "norm.v": "v"}
_TENSOR = r"(?P<tensor>norm\.(?:m|var|u|v)|[a-z_]+\d?)"
_STEM = re.compile(rf"(?P<kind>conv|bn|norm)(?P<which>[12]?)\.{_TENSOR}")  # the second of MobileNet, at its end
_BLOCK = re.compile(
    r"(?:layer(?P<stage>\d+)|conv(?P<published>\d+)_?x|(?P<all>blocks|layers))\.(?P<number>\d+)\.(?P<inside>.+)"
)
_INSIDE = re.compile(rf"(?P<kind>conv|bn|norm)(?P<place>\d)\.{_TENSOR}")
_RESIDUAL = re.compile(rf"residual\.(?P<place>\d+)\.{_TENSOR}")  # conv, norm, ReLU, conv, norm, ...
_PROJECTION = re.compile(rf"(?:{_SHORTCUT})(?:\.(?P<place>[01]))?\.{_TENSOR}")
_EXCITE = re.compile(rf"(?:excite\.conv|fc)(?P<place>[12])\.{_TENSOR}")
_HEAD = re.compile(rf"(?:fc|linear|classifier|head)\.{_TENSOR}")
_CHANNEL = re.compile(rf"(?:deconv1|channel|channel_deconv)\.{_TENSOR}")

_INCEPTION = (
    (r"conv7x7\.conv", "stem.0"),
    (r"conv1x1\.conv", "stem.4"),
    (r"conv3x3\.conv", "stem.6"),
    (r"inception_(\w+)\.branch1_conv1x1\.conv", r"modules_3a_to_5b.\1.branches.0.0"),
    (r"inception_(\w+)\.branch2_conv1x1\.conv", r"modules_3a_to_5b.\1.branches.1.0"),
    (r"inception_(\w+)\.branch2_conv3x3\.conv", r"modules_3a_to_5b.\1.branches.1.2"),
    (r"inception_(\w+)\.branch3_conv1x1\.conv", r"modules_3a_to_5b.\1.branches.2.0"),
    (r"inception_(\w+)\.branch3_conv5x5\.conv", r"modules_3a_to_5b.\1.branches.2.2"),
    (r"inception_(\w+)\.branch4_conv1x1\.conv", r"modules_3a_to_5b.\1.branches.3.1"),
    *(
        (rf"{aux}\.{theirs}", f"auxiliary.{module}.{ours}")
        for aux, module in (("aux1", "4a"), ("aux2", "4d"))
        for theirs, ours in ((r"features\.1\.conv", 1), (r"classifier\.0", 4), (r"classifier\.3", 7))
    ),
    (r"linear", "classifier.3"),
)
Naming = dict[str, str]  # a name -> what the tensor is, or its name with us


def is_counter(name: str) -> bool:
    """Whether a checkpoint of the same network may lack the tensor of this name."""
    return name.rpartition(".")[2] in COUNTERS


def matched(mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> tuple[Naming, str] | None:
    """Their names -> ours, and how they were matched, where each of our tensors but counters gets one of its shape."""
    ours = {name: tensor for name, tensor in mine.items() if not is_counter(name)}
    others = {name: tensor for name, tensor in theirs.items() if not is_counter(name)}
    as_resnets = _by_roles(resnet_roles(ours), resnet_roles(others))
    for naming, how in (
        (as_resnets, "by the names of ResNets"),
        (_as_inception(others), "by the names of deep-vision's Inception"),
        (_by_order(ours, others) if as_resnets is None else None, "by kind, shape and order of definition"),
    ):
        if naming is not None and _fits(naming, ours, others):
            return naming, how
    return None


def resnet_roles(names: Iterable[str]) -> Naming | None:
    """What each tensor of a ResNet is, such as `block 3 conv2 weight`, blocks counted through all stages; else None."""
    found: dict[str, tuple[str, tuple[int, int] | None, str]] = {}
    for name in names:
        role = _role(name)
        if role is None:
            return None
        found[name] = role
    blocks = {block: number for number, block in enumerate(sorted({b for _, b, _ in found.values() if b is not None}))}
    if not blocks:
        return None
    roles = {
        name: f"{'' if block is None else f'block {blocks[block]} '}{place} {_STREAMS.get(tensor, tensor)}"
        for name, (place, block, tensor) in found.items()
    }
    return roles if len(set(roles.values())) == len(roles) else None


def _role(name: str) -> tuple[str, tuple[int, int] | None, str] | None:
    """Place, block as (stage, number) and tensor."""
    if outside := _STEM.fullmatch(name):
        return f"stem {_kind(outside['kind'])}{outside['which'] or 1}", None, outside["tensor"]
    if outside := _HEAD.fullmatch(name):
        return "head", None, outside["tensor"]
    if outside := _CHANNEL.fullmatch(name):
        return "channel", None, outside["tensor"]
    block = _BLOCK.fullmatch(name)
    if block is None:
        return None
    where = int(block["stage"] or block["published"] or 0), int(block["number"])
    if inside := _INSIDE.fullmatch(block["inside"]):
        return f"{_kind(inside['kind'])}{inside['place']}", where, inside["tensor"]
    if inside := _RESIDUAL.fullmatch(block["inside"]):
        place, kind = divmod(int(inside["place"]), 3)
        return f"{('conv', 'norm', 'relu')[kind]}{place + 1}", where, inside["tensor"]
    if inside := _PROJECTION.fullmatch(block["inside"]):
        return f"shortcut {('conv', 'norm')[int(inside['place'] or 0)]}", where, inside["tensor"]
    if inside := _EXCITE.fullmatch(block["inside"]):
        return f"excite{inside['place']}", where, inside["tensor"]
    return None


def _kind(word: str) -> str:
    return "norm" if word == "bn" else word


def _by_roles(ours: Naming | None, theirs: Naming | None) -> Naming | None:
    if ours is None or theirs is None:
        return None
    named = {role: name for name, role in ours.items()}
    return {name: named.get(role, role) for name, role in theirs.items()}


def _as_inception(names: Iterable[str]) -> Naming | None:
    naming = {}
    for name in names:
        module, _, tensor = name.rpartition(".")
        for pattern, ours in _INCEPTION:
            if found := re.fullmatch(pattern, module):
                naming[name] = f"{found.expand(ours)}.{tensor}"
                break
        else:
            return None
    return naming


def _by_order(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> Naming | None:
    """Module by module, where the two have the same kinds and shapes of tensors all along.

    None where their order may not be that of definition (numbers that do not rise, as in a sorted file), or where what
    one calls a shortcut is none with the other.
    """
    if not _rising(theirs) or _modules(ours) != _modules(theirs):
        return None
    naming = dict(zip(theirs, ours, strict=True))
    is_shortcut: Callable[[str], bool] = lambda name: re.search(_SHORTCUT, name) is not None  # noqa: E731
    return naming if all(is_shortcut(a) == is_shortcut(b) for a, b in naming.items()) else None


def _modules(tensors: Mapping[str, Tensor]) -> list[list[tuple[str, tuple[int, ...]]]]:
    """For each module in order its tensors' kinds and shapes."""
    by_module = groupby(tensors.items(), key=lambda item: item[0].rpartition(".")[0])
    return [[(name.rpartition(".")[2], tuple(tensor.shape)) for name, tensor in module] for _, module in by_module]


def _rising(names: Iterable[str]) -> bool:
    """Whether numbered parts come in the order of their numbers, below each parent."""
    last: dict[str, int] = {}
    for name in names:
        components = name.split(".")
        for end, component in enumerate(components):
            if component.isdecimal():
                parent = ".".join(components[:end])
                if int(component) < last.get(parent, 0):
                    return False
                last[parent] = int(component)
    return True


def _fits(naming: Naming, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    """Whether each of our tensors gets exactly one of theirs, of its shape."""
    return sorted(naming.values()) == sorted(ours) and all(
        ours[own].shape == theirs[name].shape for name, own in naming.items()
    )
