"""Which knobs of the deconv family contradict each other: knobs of another revision, extensions without effect, sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from trainables.config import dataset_kinds as kinds
from trainables.plans.deconv_networks import ARCHS, IMAGENET_ARCHS, NETWORKS, SMALL

# The extensions of the 2020 convolutions, and the published values.
OF_CONVOLUTIONS = {"refresh": 1, "channels_together": False, "corrected_average": False}
EXTENSIONS = {"root_gradient": True, **OF_CONVOLUTIONS, "centered": False}


class Knobs(Protocol):
    """What of a `DeconvConfig` the rules read, beside the extensions."""

    @property
    def dataset(self) -> str: ...
    @property
    def arch(self) -> str: ...
    @property
    def norm(self) -> str: ...
    @property
    def revision(self) -> int: ...
    @property
    def mode(self) -> int | None: ...
    @property
    def image_size(self) -> int | None: ...
    @property
    def block_fc(self) -> int: ...
    @property
    def delinear(self) -> bool | None: ...


def are_large(dataset: str, image_size: object) -> bool:
    """Whether images are of the size that the networks for ImageNet are meant for: photographs, not reduced to 64 pixels."""
    reduced = isinstance(image_size, int) and image_size <= SMALL
    return kinds.of(dataset).streamed and not reduced


def contradictions(config: Knobs) -> Iterator[str]:
    """A sentence for everything that does not go together."""
    yield from _size(config)
    yield from _form(config)
    yield from _revision(config)
    yield from _extensions(config)


def _size(config: Knobs) -> Iterator[str]:
    smallest = NETWORKS[config.arch].smallest
    if config.image_size is not None and config.image_size < smallest:
        yield f"`image_size` is {config.image_size}, but {config.arch} needs at least {smallest} pixels; enlarge the images"


def _form(config: Knobs) -> Iterator[str]:
    if are_large(config.dataset, config.image_size) and config.arch in ARCHS:
        yield (
            f"`arch` is {config.arch!r}, a network for small images, but those of {config.dataset} are larger; use one "
            f"of {', '.join(IMAGENET_ARCHS)}, or set image_size to at most {SMALL}"
        )


def _revision(config: Knobs) -> Iterator[str]:
    if config.revision == 2020:
        if config.mode is not None:
            yield f"`mode` is {config.mode}, but revision 2020 has no modes; set revision=2019 or leave mode out"
        return
    if config.norm == "deconv" and NETWORKS[config.arch].grouped:
        plain = ", ".join(name for name, arch in NETWORKS.items() if not arch.grouped)
        yield (
            f"`arch` is {config.arch!r}, whose grouped convolutions the layers of 2019 do not offer; set revision=2020 or "
            f"use one of {plain}"
        )
    if config.delinear is not None:
        yield (
            f"`delinear` is {config.delinear}, but revision 2019 has no such classifier; set revision=2020 or leave it out"
        )
    if config.norm == "bn" and config.block_fc:
        yield (
            f"`block_fc` is {config.block_fc}, but must be 0 beside norm 'bn' in revision 2019, which decorrelates nothing "
            "then; leave it out"
        )


def _extensions(config: Knobs) -> Iterator[str]:
    """An extension that would change nothing is refused: its trials would be copies of the published form."""
    for knob, published in EXTENSIONS.items():
        value = getattr(config, knob)
        reason = None if value == published else _without_effect(config, knob)
        if reason is not None:
            yield f"`{knob}` is {value}, but {reason}; leave it out"


def _without_effect(config: Knobs, knob: str) -> str | None:
    """Why an extension does nothing in this network; None where it does something."""
    whitened = config.norm == "deconv"
    if "method" in NETWORKS[config.arch].options:
        return f"{config.arch} has the published layers of its method alone"
    if knob in OF_CONVOLUTIONS and not (whitened and config.revision == 2020):
        return "it is an extension of the 2020 convolutions, which need norm='deconv' and revision=2020"
    if knob == "centered" and (config.block_fc == 0 or config.delinear):
        return "there is no channel layer without block_fc and, in revision 2020, delinear=False"
    if knob == "root_gradient" and not whitened and config.block_fc == 0:
        return "nothing is decorrelated with norm 'bn' and block_fc 0"
    return None
