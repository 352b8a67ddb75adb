"""What a family must say for itself: how its models are built, fed and judged. Everything else is shared.

A new family subclasses `Family`, overrides what differs from plain supervised classification, and is named in
`trainables.families`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables import optim
from trainables.config.own.code import OwnCode
from trainables.config.training import TrainingConfig
from trainables.process.footprint import Footprint

if TYPE_CHECKING:
    from trainables.images.loaded import ImageData
    from trainables.images.streamed import StreamedData
    from trainables.process.team import Team

MANY_CLASSES = 1000
Config = TypeVar("Config", bound=TrainingConfig)
View = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Shape:
    """What a network sees: square images [N, channels, size, size] and the number of classes."""

    channels: int
    size: int
    classes: int


class FullyTrained(Protocol):
    """What a family may read of a replicate at the full budget (see `Family.final_metrics`)."""

    index: int
    seed: int
    model: nn.Module
    data: ImageData | StreamedData
    team: Team  # of the workers that trained it

    def untrained_model(self) -> nn.Module:
        """The network as its seed gives it."""


class Family(Generic[Config]):
    """One experiment family. Methods take the configuration explicitly; a family object holds no state.

    Attributes:
        name: as in `trainables.families`.
        network_knobs: configurations that agree in these knobs build the same network for the same images.
        top5: whether evaluations also report top5_accuracy, whatever the number of classes.
        code: of a user's own family, how it is made again in another process.
    """

    name: ClassVar[str]
    network_knobs: ClassVar[tuple[str, ...]] = ("arch",)
    top5: ClassVar[bool] = False
    code: OwnCode | None = None

    def reports_top5(self, classes: int) -> bool:
        """Whether evaluations on so many classes also report top5_accuracy: on ImageNet's, in every family."""
        return self.top5 or classes >= MANY_CLASSES

    def build_model(self, config: Config, shape: Shape) -> nn.Module:
        """A freshly initialised network; its random draws come from torch's global generator, seeded by the caller."""
        raise NotImplementedError

    def build_optimizer(self, config: Config, model: nn.Module) -> torch.optim.Optimizer:
        """The optimizer of a replicate; default SGD with momentum and weight decay on everything."""
        return optim.sgd(config, model)

    def learning_rate_at(self, config: Config, epoch: int) -> float:
        """Learning rate of a 0-based epoch."""
        return optim.learning_rate_at(config, epoch)

    def hyperparameters_at(self, config: Config, epoch: int) -> dict[str, float]:
        """What every parameter group of the optimizer is set to for a 0-based epoch; default `lr` and nothing else."""
        return {"lr": self.learning_rate_at(config, epoch)}

    def hyperparameters_at_step(self, config: Config, epoch: int, step: int, steps: int) -> dict[str, float]:
        """What changes within an epoch, for its 0-based `step` of `steps` batches; default nothing."""
        return {}

    def scalars_at(self, config: Config, epoch: int) -> dict[str, float]:
        """Further numbers of a 0-based epoch to report, the same for every replicate; default none."""
        return {}

    def model_scalars(self, config: Config, model: nn.Module) -> dict[str, float]:
        """Numbers that every replicate's network has in common, such as its size, to report; default none."""
        return {}

    def epoch_metrics(self, config: Config, model: nn.Module) -> dict[str, float]:
        """Further metrics of one replicate after every epoch, read off its network; default none."""
        return {}

    def final_metrics(self, config: Config, replicate: FullyTrained) -> dict[str, float]:
        """Further metrics of one replicate at the full budget; default none."""
        return {}

    def derived_state(self, config: Config, model: nn.Module) -> list[str]:
        """Names in the model's state that training leaves as the seed gave them: a checkpoint holds their hash alone.

        Default none: a checkpoint holds everything.
        """
        return []

    def own_buffers(self, model: nn.Module) -> dict[str, Tensor]:
        """Buffers that each worker of a team has for itself, to be continued and not taken over from the first; default
        none."""
        return {}

    def pretrained(self, config: Config) -> str:
        """The network of torchvision whose weights a replicate may begin with; default the knob `arch`.

        `ValueError` in one sentence where the configuration's network is not torchvision's.
        """
        return str(getattr(config, "arch", ""))

    def begin_epoch(self, config: Config, model: nn.Module, epoch: int) -> None:
        """Called before each 0-based epoch, also the first one after a resume: freeze, thaw, change buffers."""

    def end_epoch(
        self, config: Config, optimizer: torch.optim.Optimizer, metrics: Mapping[str, float], epoch: int
    ) -> None:
        """Called after each 0-based epoch with the replicate's metrics, for schedules that follow them.

        What it must remember belongs in the optimizer's parameter groups, which checkpoints hold.
        """

    def train_inputs(
        self, config: Config, images: Tensor, epoch: int, generator: torch.Generator, positions: range
    ) -> Tensor:
        """The normalised images [N, C, H, W] a training batch really shows the network at this 0-based epoch.

        `positions` are theirs in the batch, whose size is `positions.stop`: a worker that has a part of it draws for all
        of it and takes its own.
        """
        return images

    def built_in(self, config: Config, epoch: int) -> Hashable:
        """What of a 0-based epoch `train_inputs` takes as constants, which a captured training step then has built in.

        Default: the epoch itself where a family has `train_inputs` of its own, so that each is captured anew.
        """
        return () if type(self).train_inputs is Family.train_inputs else epoch

    def uncapturable(self, config: Config) -> str | None:
        """Why training steps cannot be captured once and replayed, in one sentence; default None."""
        return None

    def loss(self, config: Config, outputs: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of a batch; default cross-entropy."""
        return F.cross_entropy(outputs, labels)

    def validation_views(self, config: Config, epoch: int, last: bool) -> Mapping[str, View]:
        """Further looks at the validation images: suffix -> transform, reported as val_accuracy_<suffix>.

        `last` is true at the full budget. The plain images are always evaluated and are what selects.
        """
        return {}

    def footprint(self, config: Config, shape: Shape, train_images: int, replicates: int) -> Footprint | None:
        """What a trial will take of memory and work; default None: not predicted, and so not refused."""
        return None

    def check(self, config: Config, shape: Shape) -> int:
        """Raise an error if no network can be made for these images: builds one and shows it two of them.

        A real one: torch's meta device would need no memory, but takes seconds to import what it works with.

        Returns:
            Bytes that a checkpoint keeps of one replicate: the state that the seed does not give again, and a momentum.
        """
        with torch.no_grad():
            model = self.build_model(config, shape).eval()
            model(torch.zeros(2, shape.channels, shape.size, shape.size))
        return state_bytes(model, self.derived_state(config, model))


def state_bytes(model: nn.Module, derived: Collection[str] = ()) -> int:
    """Bytes of a model's state without what is `derived` from the seed, and of a momentum for what is trained."""
    state = [tensor for name, tensor in model.state_dict().items() if name not in set(derived)]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return sum(tensor.numel() * tensor.element_size() for tensor in (*state, *trained))
