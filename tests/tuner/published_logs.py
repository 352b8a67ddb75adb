"""Whole training logs in the published formats, line for line as the two scripts of the collection print them.

What a log says of its run (counts, accuracies at given epochs, epochs of the drops of the learning rate) is what was
published of it; between these epochs accuracies are interpolated and losses invented.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

WORD = {"old": "Avg. Loss", "new": "Training Loss"}
BEGIN = datetime(2018, 12, 21, 5, 48, 43)


@dataclass(frozen=True)
class Run:
    """One run: `top1` and `top5` in percent at some epochs, `drops` the epochs in which a lower rate is first seen."""

    script: str
    epochs: int
    batches: int
    lr: float
    factor: float
    drops: tuple[int, ...]
    top1: Mapping[int, float]
    top5: Mapping[int, float]
    head: tuple[str, ...] = field(default=())

    def text(self, first: int = 1, last: int | None = None) -> str:
        """The log of one start of the script: its head, the validation printed as epoch 0, epochs `first` to `last`."""
        return "".join(f"{line}\n" for line in self._lines(first, last or self.epochs))

    def rate(self, epoch: int) -> float:
        return self.lr * self.factor ** sum(drop <= epoch for drop in self.drops)

    def _lines(self, first: int, last: int) -> Iterator[str]:
        yield from self.head
        yield from _validation(0, self.top1[1] / 160 if first == 1 else _between(self.top1, first - 1), 0.5, 6.9)
        time = BEGIN + timedelta(hours=first)
        for epoch in range(first, last + 1):
            yield f"Start training epoch {epoch}"
            for batch in range(10, self.batches + 1, 10):
                time += timedelta(seconds=4)
                loss = 7.0 / (epoch + batch / self.batches)
                yield (
                    f"Time, {time.isoformat()}, Epoch: {epoch}, Batch: {batch}, {WORD[self.script]}: {loss}, "
                    f"LR: {self.rate(epoch)}"
                )
            yield from _validation(epoch, _between(self.top1, epoch), _between(self.top5, epoch), 5.0 / epoch)


def _validation(epoch: int, top1: float, top5: float, loss: float) -> Iterator[str]:
    yield f"Epoch: {epoch}, Validation Top 1 acc: {top1}"
    yield f"Epoch: {epoch}, Validation Top 5 acc: {top5}"
    yield f"Epoch: {epoch}, Validation Set Loss: {loss}"


def _between(known: Mapping[int, float], epoch: int) -> float:
    """At a known epoch the value itself, elsewhere on the line between its neighbours."""
    if epoch in known:
        return known[epoch]
    before, after = max(e for e in known if e < epoch), min(e for e in known if e > epoch)
    return known[before] + (known[after] - known[before]) * (epoch - before) / (after - before)


def _head(gpus: int, train: int, val: int, total: str) -> tuple[str, ...]:
    return (
        *([f"Using {gpus} GPUs!"] if gpus > 1 else []),
        "CUDA is available: True",
        f"Number of train images:  {train}",
        f"Number of val images:  {val}",
        "-" * 64,
        "        Layer (type)               Output Shape         Param #",
        "=" * 64,
        "            Conv2d-1         [-1, 64, 112, 112]           9,408",
        "=" * 64,
        f"Total params: {total}",
        "-" * 64,
    )


# 18 layers in truth; its parameters counted twice by the summary of a wrapped network.
RESNET34 = Run(
    "old",
    epochs=129,
    batches=2502,
    lr=0.1,
    factor=0.1,
    drops=(32, 47, 72, 83, 105, 116),
    top1={1: 16.77, 31: 52.0, 60: 66.0, 93: 68.968, 113: 69.017, 129: 68.87},
    top5={1: 37.9, 31: 77.0, 60: 87.0, 93: 88.615, 113: 88.625, 129: 88.55},
    head=_head(8, 1_281_167, 50_000, "23,379,024"),
)
LENET5 = Run(
    "new",
    epochs=50,
    batches=937,
    lr=1e-3,
    factor=0.1,
    drops=(33,),
    top1={1: 97.60, 50: 99.07},
    top5={1: 99.9, 50: 100.0},
    head=_head(1, 60_000, 10_000, "61,706"),
)
_EXIF = (
    ".../PIL/TiffImagePlugin.py:763: UserWarning: Possibly corrupt EXIF data.  Expecting to read 4 bytes but only got 0.",
    "  warnings.warn(str(msg))",
)
# Published as far as the middle of its 35th epoch.
VGG16 = Run(
    "old",
    epochs=35,
    batches=10_009,
    lr=0.01,
    factor=0.5,
    drops=(11, 21, 31),
    top1={1: 6.73, 31: 66.87, 34: 66.21, 35: 66.0},
    top5={1: 18.0, 31: 87.66, 34: 87.45, 35: 87.4},
    head=(*_head(8, 1_281_167, 50_000, "276,715,088"), *_EXIF * 98),
)
