"""One replicate's training step as a branch of a captured graph: from tensors that stay where they are to such tensors."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from trainables import seeding
from trainables.engine import TrainingPass
from trainables.images.loaded import Draws, ImageData

if TYPE_CHECKING:
    from trainables.trial.replicate import Replicate


class Branch:
    """The steps of one replicate, each a function of memory alone: nothing looks at a number on the device."""

    def __init__(self, replicate: Replicate) -> None:
        self.replicate = replicate
        self._data = cast(ImageData, replicate.data)
        device = replicate.device
        self._training = TrainingPass(replicate, 0)
        self._cursor = torch.zeros((), dtype=torch.int64, device=device)
        self._ahead = torch.arange(self._data.train_size, device=device)
        self._draws: Draws | None = None
        self._epoch = 0
        self._fixed: Hashable = None  # the part of the key that stands for an epoch
        self._counting: list[Any] = []  # modules that count training steps on the host (see `FastDeconv2d.phase`)
        # Learning rates that a captured step reads; the host's own optimizers take numbers.
        on_a_card = device.type == "cuda"
        groups = replicate.optimizer.param_groups
        self._rates = [torch.zeros((), device=device) for _ in groups] if on_a_card else []
        self._given = [0.0 for _ in self._rates]  # the same as numbers
        self._numbers = torch.get_rng_state()
        self._generator = _default_generator().clone_state() if on_a_card else None
        self._stream = torch.cuda.Stream() if on_a_card else None  # type: ignore[no-untyped-call]

    def begin_epoch(self, epoch: int) -> None:
        """Position every random stream, apply the schedule and draw the epoch, as `Replicate.train_batches` does."""
        replicate, config = self.replicate, self.replicate.config
        with self.random_numbers():
            replicate.begin_epoch(epoch)
        generator = seeding.generator(replicate.seed, replicate.index, "batches", epoch)
        drawn = self._data.draw(generator, config.augmentation, config.crop_padding)
        if self._draws is None:
            self._draws = drawn
        else:
            self._draws.copy_(drawn)
        self._cursor.zero_()
        self._training.restart(epoch)
        self._epoch = epoch
        self._counting = [module for module in replicate.model.modules() if hasattr(module, "phase")]
        self._settle()

    def begin_step(self, step: int) -> None:
        """Set what the family changes within the epoch, for its 0-based batch `step`."""
        self.replicate.begin_batch(self._epoch, step)
        for number, rate in enumerate(self._rates):
            group = self.replicate.optimizer.param_groups[number]
            if group["lr"] is not rate:
                self._given[number] = group["lr"]
                rate.fill_(group["lr"])
                group["lr"] = rate

    def step(self, count: int) -> None:
        """Train on the next `count` images."""
        assert self._draws is not None
        which = self._ahead[:count] + self._cursor
        images, labels = self._data.batch(self._draws, which, self.replicate.config.crop_padding)
        self._training.step(images, labels)
        self._cursor += count

    def watched_step(self, count: int) -> str | None:
        """A step, and why it cannot be captured if that shows: it drew on the host, put tensors in place, or counted."""
        before = (self._host_state(), self._places(), self._scalars())
        self.step(count)
        host, places, scalars = (self._host_state(), self._places(), self._scalars())
        self._settle()  # the first steps have made what an optimizer remembers
        if host != before[0]:
            return "each step draws random numbers on the host"
        if places != before[1]:
            return "each step puts new tensors in the place of old ones"
        return "each step counts in the network's own attributes" if scalars != before[2] else None

    def finish(self) -> dict[str, float]:
        """Mean loss and accuracy of the epoch; the optimizer holds numbers again."""
        for number, given in enumerate(self._given):
            self.replicate.optimizer.param_groups[number]["lr"] = given
        return self._training.finish()

    def key(self) -> Hashable:
        """What a captured step has built in."""
        optimizer = self.replicate.optimizer
        names = [name for name in optimizer.defaults if name != "lr"]
        groups = tuple(tuple(group[name] for name in names) for group in optimizer.param_groups)
        phases = tuple(module.phase for module in self._counting)
        return self.replicate.index, self._fixed, groups, phases

    def replayed(self, count: int) -> None:
        """Count a step that the card repeats by itself."""
        self._training.replayed(count)
        for module in self._counting:
            module.replayed()

    def counters(self) -> Any:
        """What a step counts on the host, to be set back where a capture failed."""
        return self._training.seen, [(module.calls, module.updates) for module in self._counting]

    def set_back(self, counters: Any) -> None:
        """Count as before a capture that failed."""
        self._training.seen, of_modules = counters
        for module, counts in zip(self._counting, of_modules, strict=True):
            module.calls, module.updates = counts
        self.replicate.optimizer.zero_grad(set_to_none=True)

    def register(self, graph: torch.cuda.CUDAGraph) -> None:
        """Let a graph advance this branch's random numbers at each replay."""
        assert self._generator is not None
        graph.register_generator_state(self._generator)

    def fork(self, stream: torch.cuda.Stream, count: int) -> None:
        """A step beside what `stream` does."""
        assert self._stream is not None
        self._stream.wait_stream(stream)
        with torch.cuda.stream(self._stream), self.random_numbers():
            self.step(count)

    def join(self, stream: torch.cuda.Stream) -> None:
        """Let `stream` wait for that step."""
        assert self._stream is not None
        stream.wait_stream(self._stream)

    @contextmanager
    def random_numbers(self) -> Iterator[None]:
        """Torch's global generators as this replicate alone would have left them."""
        torch.set_rng_state(self._numbers)
        if self._generator is None:
            yield
        else:
            default = _default_generator()
            kept = default.graphsafe_get_state()
            default.graphsafe_set_state(self._generator)
            try:
                yield
            finally:
                default.graphsafe_set_state(kept)
        self._numbers = torch.get_rng_state()

    def _settle(self) -> None:
        replicate = self.replicate
        built_in = replicate.family.built_in(replicate.config, self._epoch)
        self._fixed = (self._places(), self._scalars(), built_in)

    def _places(self) -> Hashable:
        """Where the tensors lie that a step reads and writes, and which are trained."""
        model, optimizer = self.replicate.model, self.replicate.optimizer
        tensors = [*model.parameters(), *model.buffers()]
        tensors += [v for state in optimizer.state.values() for v in state.values() if isinstance(v, Tensor)]
        return tuple((tensor.data_ptr(), tensor.requires_grad) for tensor in tensors)

    def _scalars(self) -> Hashable:
        """The numbers among the attributes of the network's modules, counters of steps apart."""
        return tuple(
            (name, value)
            for module in self.replicate.model.modules()
            for name, value in vars(module).items()
            if isinstance(value, int | float | bool) and name not in getattr(module, "counted", ())
        )

    def _host_state(self) -> Hashable:
        """Of the generators that a step must not draw from."""
        generators = [self.replicate.input_generator.get_state()]
        if self._generator is not None:  # where the host is not the device
            generators.append(torch.get_rng_state())
        return tuple(bytes(state.numpy()) for state in generators)


def _default_generator() -> torch.Generator:
    return torch.cuda.default_generators[torch.cuda.current_device()]
