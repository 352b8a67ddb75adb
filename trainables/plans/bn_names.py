"""The names of the networks of BatchNorm-only training: cifar_{resnet,freeze}_D[_W], read strictly and written one way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from trainables.plans.resnets import DEPTH_RULE, is_depth

Kind = Literal["resnet", "freeze"]

_GRAMMAR = re.compile(r"cifar_(resnet|freeze)_([1-9][0-9]{0,5})(?:_([1-9][0-9]{0,5}))?")
FILTERS = 16  # of the first segment at width 1
STUDIED_WIDTH = 32  # the widest network of the study


@dataclass(frozen=True)
class ModelName:
    """What a name says: `depth` 6n+2, `width` the multiplier of 16, 32 and 64 filters, `kind` what is trained.

    `freeze` trains gamma and beta of every BatchNorm and nothing else, `resnet` trains everything.
    """

    depth: int
    width: int
    kind: Kind

    @property
    def canonical(self) -> str:
        """The one spelling of this network: width 1 is not written, so cifar_freeze_14_1 becomes cifar_freeze_14."""
        return f"cifar_{self.kind}_{self.depth}" + (f"_{self.width}" if self.width > 1 else "")


def parse_name(name: str) -> ModelName:
    """Read `cifar_resnet_D`, `cifar_freeze_D`, `cifar_resnet_D_W` or `cifar_freeze_D_W`; ASCII digits, no leading zero.

    D is the depth 6n+2, at least 8. W multiplies the filters (default 1). Beware of the names of the library open_lth,
    whose last field is the filters themselves: its 14_128 is 14_8 here, and its 14_16 is 14 here, while 14_16 here has
    256 filters. Filters that no multiplier of the study can be (48, 64, 80, ...) are refused with this explanation.

    Raises:
        ValueError: anything else; the sentence quotes the name.
    """
    found = _GRAMMAR.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        raise ValueError(
            f"the name {name!r} is none of cifar_resnet_D, cifar_freeze_D, cifar_resnet_D_W and cifar_freeze_D_W with plain "
            "whole numbers D and W; write it as cifar_freeze_14 or cifar_resnet_14_8"
        )
    kind, depth, width = cast(Kind, found[1]), int(found[2]), int(found[3] or 1)
    if not is_depth(depth):
        raise ValueError(f"the name {name!r} has depth {depth}, but it must be {DEPTH_RULE}; change the depth")
    if width > STUDIED_WIDTH and width % FILTERS == 0:
        meant = ModelName(depth, width // FILTERS, kind).canonical
        raise ValueError(
            f"the name {name!r} ends in {width}, which open_lth would read as the filters of the first segment, but here "
            f"the last number multiplies {FILTERS} filters; write {meant} for {width} filters"
        )
    return ModelName(depth, width, kind)
