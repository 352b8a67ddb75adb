"""The normalisation layer that a network is built with: six modes behind one call, none of which draws a random number.

Every mode has eps 1e-5 and a trainable gamma = 1 and beta = 0, as in the experiments of Chiley et al., "Online
Normalization for Training Neural Networks", NeurIPS 2019:

* `batch`     BatchNorm2d, momentum 0.1, running statistics
* `group`     GroupNorm with `gn_num_groups` groups of channels
* `layer`     layer norm over channels and map; gamma and beta have one element for each of the layer's outputs where the
              size of its map is known, as the paper's code intended, and one for each channel elsewhere, as in Wu and He,
              "Group Normalization", ECCV 2018
* `instance`  InstanceNorm2d without running statistics
* `online`    `trainables.layers.online_norm.OnlineNorm2d`
* `none`      the identity: no parameters at all
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from torch import nn

from trainables.config.wording import nearest
from trainables.layers.online_norm import OnlineNorm2d

MODES = ("batch", "group", "layer", "instance", "online", "none")
LAYERS = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d, OnlineNorm2d)


@dataclass(frozen=True)
class Norm:
    """Makes the normalisation layers of one network. Options of a mode other than `mode` have no effect.

    Args:
        mode: one of `MODES`.
        afwd, abkw, ecm, ls_eps, clamp_val: of online normalisation; see `OnlineNorm2d`.
        gn_num_groups: of group normalisation; must divide the channels of every layer.
    """

    mode: str = "batch"
    afwd: float = 0.999
    abkw: float = 0.99
    ecm: Literal["ls", "ac", "none"] = "ls"
    ls_eps: float = 1e-5
    clamp_val: float = 5.0
    gn_num_groups: int = 8

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"`norm` is {self.mode!r}, but must be one of {', '.join(MODES)}")

    @classmethod
    def of(cls, mode: str, **options: Any) -> Norm:
        """The same from a dictionary of options; `ValueError` naming the nearest one for an unknown option."""
        known = [field.name for field in fields(cls) if field.name != "mode"]
        for name in options:
            if name not in known:
                hint = nearest(name, known, f"they are: {', '.join(known)}")
                raise ValueError(f"`{name}` is not an option of a norm; {hint}")
        return cls(mode, **options)

    def __call__(self, channels: int, size: int | None = None) -> nn.Module:
        """A layer for maps [N, channels, size, size]; any size of map will do where `size` is not given.

        Args:
            channels: of the maps.
            size: side of the maps in pixels; only `layer` heeds it (see above), and then takes no other size.
        """
        match self.mode:
            case "batch":
                return nn.BatchNorm2d(channels)
            case "group":
                return nn.GroupNorm(self.gn_num_groups, channels)
            case "layer":
                return nn.GroupNorm(1, channels) if size is None else nn.LayerNorm([channels, size, size])
            case "instance":
                return nn.InstanceNorm2d(channels, affine=True)
            case "online":
                return OnlineNorm2d(
                    channels,
                    afwd=self.afwd,
                    abkw=self.abkw,
                    ecm=self.ecm,
                    ls_eps=self.ls_eps,
                    clamp_val=self.clamp_val,
                )
            case _:
                return nn.Identity()
