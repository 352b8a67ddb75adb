"""Which knobs of the deconv family act in a configuration: each revision, mode, norm and network leaves some unread."""

from __future__ import annotations

from typing import Protocol

from trainables.config.deconv_rules import EXTENSIONS, OF_CONVOLUTIONS, Knobs
from trainables.plans.deconv_networks import NETWORKS


class Chosen(Knobs, Protocol):
    """What of a `DeconvConfig` decides which other knobs act."""

    @property
    def whiten_blocks(self) -> bool: ...
    @property
    def stem_freeze(self) -> bool: ...
    @property
    def optimizer(self) -> str: ...
    @property
    def lr_schedule(self) -> str: ...


def acting(config: Chosen) -> dict[str, bool]:
    """Whether each knob that does not always act does so here. `revision` and `arch` always do: defaults hang on them."""
    network = NETWORKS[config.arch]
    by_method = "method" in network.options  # such a network has the layers of its method alone
    whitens = config.norm == "deconv" and not by_method
    of_2020, of_2019 = whitens and config.revision == 2020, whitens and config.revision == 2019
    # 2020 whitens the end of a batch-normalised network too.
    end = config.block_fc > 0 and not by_method and (whitens or config.revision == 2020)
    channel_layer = end and not (config.revision == 2020 and config.delinear)
    freezes = of_2020 and network.freezes
    # Of an EfficientNet the published form whitens the input of the stem, with steps of its own, and the end.
    inner = whitens and not ("whiten_blocks" in network.options and not config.whiten_blocks)
    return {
        "norm": not by_method,
        "mode": of_2019,
        "block": of_2020 and inner,
        # Mode 2 takes patches channel by channel.
        "num_groups": of_2019 and config.mode != 2,
        "block_fc": not by_method and (whitens or config.revision == 2020),
        "delinear": end and config.revision == 2020,
        "n_iter": inner or end,
        "eps": whitens or end,
        # Modes 1 to 4 take every patch, and their channel layers every third pixel.
        "sampling_stride": of_2020 or (of_2019 and config.mode == 5) or channel_layer,
        "bias": whitens,
        "stem_n_iter": freezes,
        "stem_freeze": freezes,
        "freeze_iter": freezes and config.stem_freeze,
        **dict.fromkeys(EXTENSIONS, whitens or end),
        **dict.fromkeys(OF_CONVOLUTIONS, of_2020),
        "centered": channel_layer,
        "dropout_rate": "dropout_rate" in network.options,
        "whiten_blocks": "whiten_blocks" in network.options and whitens,
        "method": by_method,
        "momentum": config.optimizer == "sgd",
        **dict.fromkeys(("milestone", "multistep_gamma", "early_milestones"), config.lr_schedule == "multistep"),
    }
