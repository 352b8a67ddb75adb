"""What can be known on a worker before any trial starts: is the data there, can every network be built for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainables import families
from trainables.family import Shape

# Configurations that agree in these see the same data.
_DATA_KNOBS = ("dataset", "image_size", "train_images", "selection")


def check(family: str, configs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Load the data and build each distinct network once, without memory or numbers.

    Returns:
        `problems`: one sentence each, empty when all is well; `data`: what was found, for the manifest.
    """
    import torch

    from trainables.data import ImageData

    config_class, checked = families.config_class(family), families.get(family)
    problems: list[str] = []
    data: dict[str, Any] = {}
    seen: set[tuple[Any, ...]] = set()
    for knobs in configs:
        config = config_class(**knobs)
        key = tuple(getattr(config, knob) for knob in (*_DATA_KNOBS, *checked.network_knobs))
        if key in seen:
            continue
        seen.add(key)
        try:
            images = ImageData.load(config, torch.device("cpu"))
            checked.check(config, Shape(images.channels, images.image_size, images.num_classes))
        except (ValueError, RuntimeError) as error:
            sentence = str(error).splitlines()[0]
            if sentence not in problems:
                problems.append(sentence)
            continue
        data = {
            "dataset": config.dataset,
            "train_images": images.train_size,
            "image_size": images.image_size,
            "channels": images.channels,
            "classes": images.num_classes,
            "fingerprint": images.fingerprint,
        }
    return {"problems": problems, "data": data}
