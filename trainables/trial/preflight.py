"""What can be known on a worker before any trial starts: is the data there, can every network be built for it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

from trainables import families
from trainables.config import dataset_kinds as kinds
from trainables.config import wording
from trainables.config.own.code import OwnCode
from trainables.config.training import TrainingConfig
from trainables.process.footprint import Load

# Configurations that agree in these see the same data.
_DATA_KNOBS = ("dataset", "image_size", "train_images", "selection", "skip_unreadable")


def fingerprints(family: families.Ref, configs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Load every dataset the configurations name, decoding what this node has not decoded yet; see that the weights they
    begin from are here.

    Returns:
        `problems`: one sentence each; `fingerprints`: by image size.
    """
    if isinstance(family, OwnCode):
        from trainables.trial import own_preflight

        problems = own_preflight.imports(family)
        if problems or family.in_lock_step:
            return {"problems": problems, "fingerprints": {}}
    import torch

    from trainables.images import opened
    from trainables.trial import init_from

    opened.forget()
    config_class = families.config_class(family)
    # Of each dataset and augmentation the configuration with the largest batch, which the images must fill.
    by_batch = sorted((config_class(**knobs) for knobs in configs), key=lambda config: config.batch_size)
    wanted = {tuple(getattr(config, knob) for knob in (*_DATA_KNOBS, "augmentation")): config for config in by_batch}
    problems = []
    found: dict[str, str] = {}
    for config in wanted.values():
        try:
            images = opened.open_images(config, torch.device("cpu"))
        except (ValueError, OSError) as error:
            problems.append(wording.reason(error))
            continue
        found[str(images.image_size)] = images.fingerprint
    for source in dict.fromkeys(config.init_from for config in by_batch):
        try:
            init_from.require(source)
        except (ValueError, OSError) as error:
            problems.append(str(error))
    return {"problems": list(dict.fromkeys(problems)), "fingerprints": found}


def check(family: families.Ref, configs: Sequence[dict[str, Any]], load: Load | None = None) -> dict[str, Any]:
    """Load the data, predict what each distinct network takes, and build each that fits once.

    Args:
        family: name of the family.
        configs: of the trials.
        load: of a node; None asks whether one replicate fits.

    Returns:
        `problems`: one sentence each, empty when all is well; `data`: what was found for the first configuration, and
        the fingerprint of the data at each image size, for the manifest; `replicate_bytes`: of the largest replicate in a
        checkpoint.
    """
    if isinstance(family, OwnCode):
        from trainables.trial import own_preflight

        if family.in_lock_step:
            real = load is not None and load.gpus > 0 and "TUNER_FAKE_GPUS" not in os.environ
            return own_preflight.check(family, configs, "cuda" if real else "cpu")
        if problems := own_preflight.imports(family):
            return {"problems": problems, "data": {"fingerprints": {}}, "replicate_bytes": 0}
    import torch

    from trainables.family import Shape
    from trainables.images import opened
    from trainables.trial import init_from

    opened.forget()  # a worker may have checked another launch, and the data may have changed since
    load = load or Load()
    config_class, checked = families.config_class(family), families.get(family)
    network_knobs = _network_knobs(checked.network_knobs, config_class)
    problems = []
    data: dict[str, Any] = {}
    unfit: dict[tuple[str, str], str] = {}  # one sentence for all networks that fail alike
    fingerprints: dict[str, str] = {}  # by image size
    replicate_bytes = 0
    seen: set[tuple[Any, ...]] = set()
    for knobs in configs:
        config = config_class(**knobs)
        key = tuple(getattr(config, knob) for knob in (*_DATA_KNOBS, "init_from", *network_knobs))
        if key in seen:
            continue
        seen.add(key)
        try:
            images = opened.open_images(config, torch.device("cpu"))
        except (ValueError, OSError) as error:
            problems.append(wording.reason(error))
            continue
        try:
            require_batches(config, load.team)
        except ValueError as error:
            problems.append(str(error))
            continue
        shape = Shape(images.channels, images.image_size, images.num_classes)
        shown = ", ".join(f"`{knob}` {getattr(config, knob)}" for knob in network_knobs)
        part = config.model_copy(update={"batch_size": math.ceil(config.batch_size / load.team)})
        takes = checked.footprint(part, shape, images.train_size, load.replicates)
        too_large = takes.problem(f"the network of {shown}", load) if takes else None
        if too_large:
            problems.append(too_large)
            continue
        try:
            replicate_bytes = max(replicate_bytes, checked.check(config, shape))
            if config.init_from is not None:
                init_from.apply(checked.build_model(config, shape), config)
        except (ValueError, OSError) as error:
            problems.append(str(error))
            continue
        except Exception as error:  # each library has its own way to say that a network and its images do not fit
            size = f"{images.image_size}x{images.image_size}"
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            unfit.setdefault(
                (size, reason),
                f"the network of {shown} cannot take images of {size} ({reason}); choose another `image_size`, or another "
                "network",
            )
            continue
        fingerprints[str(images.image_size)] = images.fingerprint
        data = data or {
            "dataset": config.dataset,
            "train_images": images.train_size,
            "image_size": images.image_size,
            "channels": images.channels,
            "classes": images.num_classes,
            "fingerprints": fingerprints,
        }
    found = [*dict.fromkeys(problems), *unfit.values()]
    return {"problems": found, "data": data, "replicate_bytes": replicate_bytes}


def _network_knobs(said: Sequence[str], config_class: type[TrainingConfig]) -> tuple[str, ...]:
    """The knobs that decide the network: those that the family says, or all that it adds, where it says knobs it has not."""
    fields = config_class.model_fields
    if all(name in fields for name in said):
        return tuple(said)
    return tuple(name for name in fields if name not in TrainingConfig.model_fields)


def require_batches(config: TrainingConfig, team: int) -> None:
    """`ValueError` where a batch cannot be divided over the `team` workers that train a replicate together."""
    if config.batch_size < team:
        raise ValueError(
            f"`batch_size` is {config.batch_size}, but each of the {team} GPUs of a replicate must get an image; raise it, "
            "or lower --gpus-per-replicate"
        )
    if team > 1 and config.skip_unreadable and kinds.of(config.dataset).streamed:
        raise ValueError(
            f"`skip_unreadable` is true, but where images are decoded as needed the {team} GPUs of a replicate must all know "
            "how many a batch has; remove the unreadable files instead"
        )
