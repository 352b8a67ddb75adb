"""Two processes that train a replicate together come to what one process comes to."""

import json
from pathlib import Path

import pytest
import torch
from torch import distributed, multiprocessing, nn

from trainables import families
from trainables.images.opened import open_images
from trainables.layers.deconv.channel import ChannelDeconv2d
from trainables.layers.deconv.fast import FastDeconv2d
from trainables.layers.deconv.linear import Delinear
from trainables.layers.deconv.revision2019 import DeConv2d2019, FastDeconv2d2019
from trainables.layers.synchronized import synchronized
from trainables.process import team
from trainables.process.team import ALONE
from trainables.trial.crew import Packed, Recipe

SIZE = 2
SHARED = {"dataset": "digits", "epochs": 1}
# What each family makes of a batch, its metrics and its end included. Of 128 images 115 are trained on: the last batches
# are not even. A single step or a few, since any two orders of a sum part after many.
CASES = {
    "blur": ("blur", {"mode": "random-mix", "train_images": 128, "batch_size": 64}),
    "bn_only": ("bn_only", {"depth": 8, "image_size": 8, "train_images": 64, "batch_size": 32}),
    "recomputed": (
        "bn_only",
        {"depth": 8, "image_size": 8, "train_images": 72, "batch_size": 64, "recompute_blocks": 2},
    ),
    "deconv": ("deconv", {"arch": "vgg_tiny", "image_size": 16, "train_images": 72, "batch_size": 64, "block": 8}),
    "mlp": ("deconv", {"arch": "mlp", "norm": "bn", "train_images": 64, "batch_size": 32}),
    "imagenet": ("imagenet", {"model": "lenet5", "train_images": 128, "jitter": 0.2, "batch_size": 64}),
    "online": (
        "online_norm",
        {"norm_mode": "online", "depth": 8, "image_size": 8, "train_images": 64, "batch_size": 16},
    ),
}
LAYERS = {
    "batch norm": lambda: nn.BatchNorm2d(8),
    "batch norm of vectors": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(8)),
    "cumulative": lambda: nn.BatchNorm2d(8, momentum=None, affine=False),
    "deconv": lambda: FastDeconv2d(8, 4, 3, padding=1, block=4),
    "pointwise": lambda: FastDeconv2d(8, 4, 1, sampling_stride=1),
    "of 2019": lambda: FastDeconv2d2019(8, 4, 3, padding=1, num_groups=4),
    "patches of 2019": lambda: DeConv2d2019(8, 4, 3, padding=1, num_groups=4),
    "channels": lambda: ChannelDeconv2d(3, sampling_stride=1),
    "delinear": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), Delinear(32, 4, block=8)),
}


def crew(name, knobs, place, indices=(0, 1)):
    config = families.config_class(name)(**SHARED | knobs)
    data = open_images(config, "cpu")
    return Packed(Recipe(families.get(name), config, data, 0, indices, torch.device("cpu"), place))


def trained(name, knobs, place):
    """What became of two replicates: metrics, weights, and what a second epoch would begin with."""
    made = crew(name, knobs, place)
    made.run_epoch(0, last=True)
    return [
        {"metrics": r.metrics, "state": r.model.state_dict(), "streams": r.own_buffers(), "failure": r.failure}
        for r in made.replicates
    ]


def passed(layer, place):
    """Output, gradients and statistics of a layer after two training steps, on this worker's part of each batch."""
    torch.manual_seed(0)
    layer = layer().double().train()
    layer = layer if place.alone else synchronized(layer, torch.device("cpu"))
    found = {}
    for step in range(2):
        x = torch.randn(5, 8, 6, 6).double() * torch.arange(1, 9).view(1, -1, 1, 1)
        mine = x[place.part(slice(0, 5))].requires_grad_()
        y = layer(mine)
        (y * torch.arange(y.numel()).view(y.shape).sin() if place.alone else y * weights(y, place)).sum().backward()
        found |= {f"y{step}": y.detach(), f"grad{step}": mine.grad}
    gradients = [parameter.grad.flatten() for parameter in layer.parameters() if parameter.grad is not None]
    found["parameters"] = place.summed(torch.cat([torch.zeros(1).double(), *gradients]))
    return found | {"buffers": torch.cat([buffer.flatten().double() for buffer in layer.buffers()])}


def weights(y, place):
    """This worker's part of the weights that one process gives the outputs of a whole batch."""
    whole = (5, *y.shape[1:])
    return torch.arange(torch.Size(whole).numel()).view(whole).sin()[place.part(slice(0, 5))]


def continued(knobs, place):
    """The streams after two epochs in a row, and after one that goes on from a checkpoint."""
    straight = crew("online_norm", knobs, place, [0])
    straight.run_epoch(0, last=False)
    others = [None] * place.size
    distributed.all_gather_object(others, straight.replicates[0].own_buffers())
    [state] = straight.states() if place.rank == 0 else [None]
    kept = [state and state | {"others": others[1:]}]
    distributed.broadcast_object_list(kept, 0)
    kept = torch.load(_written(kept[0], place), weights_only=True)  # no tensor shared with the model that trains on
    straight.run_epoch(1, last=True)
    again = crew("online_norm", knobs, place, [0])
    again.load([kept])
    again.run_epoch(1, last=True)
    return [
        {**r.model.state_dict(), "metrics": json.dumps(r.metrics)} for r in (*straight.replicates, *again.replicates)
    ]


def _written(state, place):
    path = Path.cwd() / f"{place.rank}.pt"
    torch.save(state, path)
    return path


def broken(place):
    """What a worker says of a loss that isn't finite, and of an error that it alone has."""
    made = crew("blur", {"train_images": 128}, place, [0])
    if place.rank == 1:
        with torch.no_grad():
            next(made.replicates[0].model.parameters()).fill_(torch.nan)
    made.run_epoch(0, last=True)
    said = [made.replicates[0].failure["kind"]]
    try:
        with crew("blur", {"train_images": 128}, place, [0]).replicates[0].catching(0):
            raise ValueError("of one worker")
    except ValueError as error:
        said.append(str(error))
    return said


class WithUnused(nn.Module):
    """As some published networks, it has parameters that its output does not depend on."""

    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(2, 1, bias=False), nn.Linear(2, 1)

    def forward(self, x):
        return self.used(x)


def gradients_of_unused(place):
    """The gradients of two steps, in which the workers see ones and twos; those of unused parameters too."""
    model = WithUnused()
    joined, found = place.joined(model), []
    for _ in range(2):
        model.zero_grad(set_to_none=True)
        joined(torch.full((1, 2), place.rank + 1.0)).sum().backward()
        found.append((model.used.weight.grad.tolist(), model.unused.weight.grad))
    return found


def work(rank, folder, photographs):
    """One of two processes."""
    import os

    os.chdir(folder)
    torch.set_num_threads(1)
    place = team.join(distributed.FileStore(f"{folder}/store", SIZE), rank, SIZE, torch.device("cpu"))
    found = {name: trained(*case, place) for name, case in CASES.items()}
    found["streamed"] = trained("imagenet", streamed(photographs), place)
    found["layers"] = {name: passed(layer, place) for name, layer in LAYERS.items()}
    found["continued"] = continued(CASES["online"][1] | {"epochs": 2}, place)
    found["broken"] = broken(place)
    found["unused"] = gradients_of_unused(place)
    torch.save(found, f"{folder}/found-{rank}.pt")
    distributed.destroy_process_group()


def streamed(photographs):
    return {
        **{"dataset": f"imagenet:{photographs}", "image_size": 32, "batch_size": 8, "model": "lenet5"},
        **{"lr_schedule": "constant", "augmentation": "crop-flip", "jitter": 0.1},
    }


@pytest.fixture(scope="module")
def workers(tmp_path_factory, photographs):
    """What each of the two processes found."""
    folder = tmp_path_factory.mktemp("team")
    multiprocessing.spawn(work, (str(folder), str(photographs)), nprocs=SIZE)
    return [torch.load(folder / f"found-{rank}.pt", weights_only=True) for rank in range(SIZE)]


pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", [name for name in CASES if name != "online"] + ["streamed"])
def test_a_team_trains_to_the_weights_and_metrics_of_one_process(workers, photographs, name):
    alone = trained(*(CASES | {"streamed": ("imagenet", streamed(photographs))})[name], ALONE)
    for one, together in zip(alone, workers[0][name], strict=True):
        assert one["failure"] is together["failure"] is None
        assert one["metrics"].keys() == together["metrics"].keys()
        for metric, value in one["metrics"].items():
            assert together["metrics"][metric] == pytest.approx(value, abs=0.02 if "accuracy" in metric else 2e-3)
        for key, tensor in one["state"].items():
            assert torch.allclose(together["state"][key].float(), tensor.float(), rtol=1e-3, atol=1e-3), key


@pytest.mark.parametrize("name", [*CASES, "streamed"])
def test_all_workers_hold_the_same_weights_and_report_the_same_numbers(workers, name):
    for first, second in zip(*(worker[name] for worker in workers), strict=True):
        assert first["metrics"] == second["metrics"]
        own = first["streams"].keys()
        assert all(torch.equal(first["state"][key], second["state"][key]) for key in first["state"].keys() - own)


@pytest.mark.filterwarnings("ignore:layer .* whitens")
@pytest.mark.parametrize("name", LAYERS)
def test_statistics_of_a_batch_are_those_of_all_workers_images(workers, name):
    alone, parts = passed(LAYERS[name], ALONE), [worker["layers"][name] for worker in workers]
    for key, expected in alone.items():
        if key in ("buffers", "parameters"):
            for part in parts:
                assert torch.allclose(part[key], expected, atol=1e-9), key
        else:
            for rank, part in enumerate(parts):
                assert torch.allclose(part[key], expected[rank::SIZE], atol=1e-9), key


def test_each_worker_normalises_online_by_streams_of_its_own(workers):
    first, second = (worker["online"][0] for worker in workers)
    assert any(not torch.equal(first["streams"][key], second["streams"][key]) for key in first["streams"])
    assert first["failure"] is None


def test_a_team_continues_from_a_checkpoint_bit_by_bit_each_with_its_streams(workers):
    for worker in workers:
        straight, again = worker["continued"]
        assert straight.keys() == again.keys()
        assert straight.pop("metrics") == again.pop("metrics")
        assert all(torch.equal(straight[key], again[key]) for key in straight)


def test_a_loss_that_is_not_finite_is_the_replicates_failure_and_one_workers_error_the_trials(workers):
    assert [worker["broken"] for worker in workers] == [["non-finite", "of one worker"]] * SIZE


def test_a_network_with_parameters_that_nothing_uses_trains_in_a_team(workers):
    assert [worker["unused"] for worker in workers] == [[([[1.5, 1.5]], None)] * 2] * SIZE
