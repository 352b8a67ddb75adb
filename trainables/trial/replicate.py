"""One replicate: one seed of one configuration, with its model, optimizer, random streams and, if it failed, its failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from trainables import engine, optim, seeding
from trainables.config.training import TrainingConfig
from trainables.family import Family, Shape, View
from trainables.images.batches import Batches, least, slices
from trainables.images.loaded import ImageData
from trainables.layers.synchronized import synchronized
from trainables.models import layout
from trainables.process.team import ALONE, Team
from trainables.trial import failure, init_from, seeded_state

if TYPE_CHECKING:
    from trainables.images.streamed import StreamedData

    Data = ImageData | StreamedData


@dataclass(frozen=True)
class Look:
    """One evaluation: of the validation images (`val`) or of the test images, as they are or through a family's view."""

    split: Literal["val", "test"]
    suffix: str | None = None
    view: View | None = None

    def batches(self, data: Data, team: Team) -> Batches:
        """The images it looks at; this worker's part of them."""
        return data.validation_batches(team=team) if self.split == "val" else data.test_batches(team=team)

    def named(self, means: dict[str, float]) -> dict[str, float]:
        """The means of an evaluation under the names they are reported by; of a view, the accuracy alone."""
        if self.suffix is not None:
            return {f"{self.split}_accuracy_{self.suffix}": means["accuracy"]}
        return {f"{self.split}_{name}": value for name, value in means.items()}


class Replicate:
    """The state of one seed. `failure` is None while it lives; once set, the replicate is not trained again."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    learning_rate: float | None = None  # of the epoch begun last
    seconds = 0.0  # of training in the last epoch, where it was trained by itself

    def __init__(
        self,
        index: int,
        family: Family[Any],
        config: TrainingConfig,
        data: Data,
        seed: int,
        device: torch.device,
        team: Team = ALONE,
    ) -> None:
        self.index = index
        self.team = team
        self.family = family
        self.config = config
        self.data = data
        self.seed = seed
        self.device = device
        self.failure: dict[str, Any] | None = None
        self.metrics: dict[str, float] = {}
        self._frozen_hash: str | None = None
        self.input_generator = seeding.generator(seed, index, "inputs")
        with self.catching(epoch=-1):
            self.model = self.untrained_model()
            self.optimizer = family.build_optimizer(config, self.model)

    @property
    def top5(self) -> bool:
        """Whether evaluations report top5_accuracy as well."""
        return self.family.reports_top5(self.data.num_classes)

    def untrained_model(self) -> nn.Module:
        """The network as its seed gives it, or with the weights that the configuration begins from.

        Moves torch's global generators, which every epoch positions anew.
        """
        seeding.seed_globals(self.seed, self.index, "init")
        shape = Shape(self.data.channels, self.data.image_size, self.data.num_classes)
        model = self.family.build_model(self.config, shape)
        init_from.apply(model, self.config)
        model = model if self.team.alone else synchronized(model, self.device)
        return layout.place(model, self.family.name, self.config, self.device)

    def begin_epoch(self, epoch: int) -> None:
        """Start a 0-based epoch: position every random stream and apply the schedule."""
        # What is drawn for each image alone, as dropout is, must differ from one worker to the next.
        stream = "train" if self.team.rank == 0 else f"train {self.team.rank}"
        seeding.seed_globals(self.seed, self.index, stream, epoch)
        self.input_generator = seeding.generator(self.seed, self.index, "inputs", epoch)
        optim.set_hyperparameters(self.optimizer, self.family.hyperparameters_at(self.config, epoch))
        self.learning_rate = float(self.optimizer.param_groups[0]["lr"])
        self.family.begin_epoch(self.config, self.model, epoch)

    def batch_sizes(self) -> Iterator[int]:
        """Images in each batch of an epoch, all workers' together."""
        for batch in slices(self.data.train_size, self.config.batch_size, least(self.team)):
            yield batch.stop - batch.start

    def train_batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Start a 0-based epoch and give its batches; what the family changes within it is set before each."""
        self.begin_epoch(epoch)
        batches = self.data.train_batches(
            self.config.batch_size,
            seeding.generator(self.seed, self.index, "batches", epoch),
            self.config.augmentation,
            self.config.crop_padding,
            self.team,
        )
        return self._scheduled(batches, epoch)

    def _scheduled(self, batches: Iterator[tuple[Tensor, Tensor]], epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for step, batch in enumerate(batches):
            self.begin_batch(epoch, step)
            yield batch

    def begin_batch(self, epoch: int, step: int) -> None:
        """Set what the family changes within a 0-based epoch, for its 0-based batch `step`."""
        steps = self.data.steps_per_epoch(self.config.batch_size, self.team)
        values = self.family.hyperparameters_at_step(self.config, epoch, step, steps)
        optim.set_hyperparameters(self.optimizer, values)

    def evaluate(self, epoch: int, last: bool) -> dict[str, float]:
        """The validation metrics after a 0-based epoch and, at the full budget, the test metrics."""
        metrics: dict[str, float] = {}
        with self.evaluating():
            for look in self.looks(epoch, last):
                batches = look.batches(self.data, self.team)
                means = engine.evaluate(self.model, batches, look.view, self.top5, self.team, self.config.precision)
                metrics |= look.named(means)
            return metrics | self.further_metrics(last)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """The model in eval mode, by the first worker's statistics where it is trained by several."""
        with self.team.as_first(self.model), engine.evaluating(self.model):
            yield

    def further_metrics(self, last: bool) -> dict[str, float]:
        """What the family reads off the network after an epoch and, at the full budget, at the end."""
        metrics = self.family.epoch_metrics(self.config, self.model)
        return metrics | (self.family.final_metrics(self.config, self) if last else {})

    def looks(self, epoch: int, last: bool) -> list[Look]:
        """What is evaluated after a 0-based epoch; the same for every replicate of a trial."""
        views = self.family.validation_views(self.config, epoch, last)
        looks = [Look("val"), *(Look("val", suffix, view) for suffix, view in views.items())]
        return [*looks, Look("test")] if last and self.config.selection == "holdout" else looks

    def end_epoch(self, metrics: dict[str, float], epoch: int) -> None:
        """Take over the metrics of a 0-based epoch and let schedules follow them."""
        self.metrics = metrics
        self.family.end_epoch(self.config, self.optimizer, metrics, epoch)

    @contextmanager
    def catching(self, epoch: int) -> Iterator[None]:
        """Turn any error inside into this replicate's failure: a crashed seed must not take its siblings with it.

        Of a team all workers see a loss that isn't finite; another error of one of them is the trial's.

        `OutOfMemory` is the trial's: which replicate met the end of the memory says nothing about that replicate.
        """
        try:
            yield
        except Exception as error:
            finite = not isinstance(error, engine.NonFinite)
            found = failure.recorded(self.index, epoch, error, finite=finite)
            if finite and not self.team.alone:
                raise  # the other workers wait for this one, and only the trial can end that
            self.failure = found
            self.metrics = {}

    def model_scalars(self) -> dict[str, float]:
        """What the family reads off the model after an epoch."""
        return dict(self.family.model_scalars(self.config, self.model))

    def move(self, device: torch.device) -> None:
        """Take model and optimizer to its own device or away from it, to the CPU; the memory freed there is given back."""
        if self.failure is not None or self.device.type == "cpu":
            return
        self.model.to(device)
        optim.move(self.optimizer, device)
        if device != self.device:
            torch.cuda.empty_cache()

    def state(self) -> dict[str, Any]:
        """Everything needed to go on: plain containers and tensors. Random streams are named by seed and epoch.

        What the family says the seed gives again (`Family.derived_state`) is left out, and its hash kept. Of a team it is
        the first worker's state; `own_buffers` are the others'.
        """
        if self.failure is not None:
            return {"failure": self.failure}
        model, optimizer = self.model.state_dict(), self.optimizer.state_dict()
        for name, tensor in model.items():
            model[name] = tensor.contiguous()  # whatever the format it is computed in: safetensors takes no other
        frozen = self.family.derived_state(self.config, self.model)
        if not frozen:
            return {"failure": None, "model": model, "optimizer": optimizer}
        moved = {name: tensor for name, tensor in model.items() if name not in set(frozen)}
        return {
            "failure": None,
            "frozen": self._frozen(frozen),
            "moved": seeded_state.pack({"model": moved, "optimizer": optimizer}),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over a state made by `state()` on any device, under `others` with the buffers of each worker but the first.

        `ForeignWeights` where it leaves out frozen tensors that the seed does not give here.
        """
        self.failure = state["failure"]
        if self.failure is not None:
            return
        others = state.get("others", [])
        if "frozen" in state:
            here = self._frozen(self.family.derived_state(self.config, self.model))
            seeded_state.require_same(state["frozen"], here)
            moved = seeded_state.unpack(state["moved"])
            state = {"model": self.model.state_dict() | moved["model"], "optimizer": moved["optimizer"]}
        self.model.load_state_dict(state["model"])
        optim.load(self.optimizer, state["optimizer"])
        self._load_own_buffers(others)

    def own_buffers(self) -> dict[str, Tensor]:
        """The statistics that are this worker's and no other's."""
        return {} if self.failure is not None else self.family.own_buffers(self.model)

    def _load_own_buffers(self, of_others: list[dict[str, Tensor]]) -> None:
        """Continue this worker's statistics; with those of the first one where a team has become larger."""
        if 0 < self.team.rank <= len(of_others):
            buffers = self.family.own_buffers(self.model)
            for name, value in of_others[self.team.rank - 1].items():
                buffers[name].copy_(value)

    def _frozen(self, names: list[str]) -> dict[str, Any]:
        """What a checkpoint says of the tensors it leaves out; hashed once, for they stay as they were built."""
        if self._frozen_hash is None:
            self._frozen_hash = seeded_state.frozen_hash(self.model.state_dict(), names)
        return seeded_state.describe(seeding.derive(self.seed, self.index, "init"), self._frozen_hash)
