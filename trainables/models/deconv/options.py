"""How a network is whitened: the options of every architecture in its deconvolution form, and what they must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from trainables.config.wording import nearest

REVISIONS = (2020, 2019)
MODES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Options:
    """How a network is whitened. Options of another norm or revision have no effect.

    Args:
        revision: 2020 or 2019.
        block: channels in a block of the 2020 covariances.
        block_fc: features in a block of the last layer's covariance; 0 leaves that layer alone. The 2020 revision heeds
            it with batch normalisation too.
        delinear: whether the last layer is a Delinear (True) or an ordinary one behind a ChannelDeconv2d (False).
            The 2019 revision knows the second alone.
        eps: added to the diagonal of a covariance; None: 1e-5 in 2020, 1e-2 in 2019.
        n_iter: Newton-Schulz steps, but for the layers that have their own number.
        momentum: of the running statistics.
        sampling_stride: of the pixels that covariances are taken from, in strides of the convolution.
        bias: of the deconvolutions.
        stem_n_iter: Newton-Schulz steps of the convolution on the image; None: the network's own number, 10 or 15. The
            CIFAR ResNets and DenseNet have no special stem and do not heed it.
        stem_freeze: whether that convolution freezes its statistics after `freeze_iter` steps (again no such stem there).
        freeze_iter: training steps before the freezing, and a tenth of the cycle.
        mode: 1 to 5, of the 2019 revision (see `trainables.layers.deconv`).
        num_groups: channels in a block of the 2019 revision.
        root_gradient: extension, False: no gradient passes through the inverse roots.
        refresh: extension of the 2020 convolutions, above 1: training steps between two inverse roots.
        channels_together: extension of the 2020 convolutions: a block is whole channels where blocks interleave.
        corrected_average: extension of the 2020 convolutions: running statistics without their start.
        centered: extension of the ChannelDeconv2d before the pooling: covariance in place of the second moment.
    """

    revision: int = 2020
    block: int = 64
    block_fc: int = 0
    delinear: bool = True
    eps: float | None = None
    n_iter: int = 5
    momentum: float = 0.1
    sampling_stride: int = 3
    bias: bool = True
    stem_n_iter: int | None = None
    stem_freeze: bool = True
    freeze_iter: int = 100
    mode: int = 5
    num_groups: int = 16
    root_gradient: bool = True
    refresh: int = 1
    channels_together: bool = False
    corrected_average: bool = False
    centered: bool = False

    def __post_init__(self) -> None:
        if self.revision not in REVISIONS:
            raise ValueError(f"`revision` is {self.revision!r}, but must be 2020 or 2019; choose one of them")
        if self.mode not in MODES:
            raise ValueError(f"`mode` is {self.mode!r}, but must be 1, 2, 3, 4 or 5; 5 is the published default")
        if self.block < 1:
            raise ValueError(f"`block` is {self.block}, but must be at least 1; 64 is the published default")
        if self.num_groups < 1:
            raise ValueError(f"`num_groups` is {self.num_groups}, but must be at least 1; 16 is the published default")
        if self.block_fc < 0:
            raise ValueError(f"`block_fc` is {self.block_fc}, but must be at least 0; 0 leaves the last layer alone")

    @property
    def effective_eps(self) -> float:
        """`eps`, or the revision's own."""
        if self.eps is not None:
            return self.eps
        return 1e-5 if self.revision == 2020 else 1e-2

    def moments(self) -> dict[str, Any]:
        """What every layer that whitens takes."""
        return {
            "eps": self.effective_eps,
            "n_iter": self.n_iter,
            "momentum": self.momentum,
            "root_gradient": self.root_gradient,
        }


OPTIONS = tuple(entry.name for entry in fields(Options))
PUBLISHED = Options()


def check_options(arch: str, options: Mapping[str, Any], own: tuple[str, ...]) -> None:
    """Refuse an option that neither the layers nor this architecture have; the `ValueError` names the nearest one."""
    known = (*OPTIONS, *own)
    for name in options:
        if name not in known:
            hint = nearest(name, known, f"they are: {', '.join(known)}")
            raise ValueError(f"`{name}` is not an option of {arch}; {hint}")
