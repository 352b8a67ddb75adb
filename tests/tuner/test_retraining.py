"""An exported trial retrains to the same bits wherever its replicates were trained: packed, spread, or on a share of its own."""

import dataclasses

import pytest

import search_spaces
from search_spaces import Allocation
from tests.tuner.searches import medians
from trainables.images.opened import forget
from tuner import experiment
from tuner.networks import retrain
from tuner.networks.export import export_trial

# On images and batches of this size torch divides sums among its threads, so that their number shows in the bits.
SETTINGS = ("image_size=16", "train_images=240", "batch_size=120")
REPLICATES = 2


def exported(storage, rules=(), **budget):
    """A search of one trial of one epoch, and its export."""
    space = dataclasses.replace(search_spaces.load("blur", "smoke"), allocations=tuple(rules))
    paths = experiment.launch(
        "blur",
        space,
        name="one",
        storage=storage,
        trials=1,
        epochs=1,
        replicates=REPLICATES,
        overrides=SETTINGS,
        **budget,
    ).paths
    export_trial(paths, "0", storage / "0.yaml")
    return paths, retrain.read(storage / "0.yaml")


def retrained(exported):
    """Whether every metric of it comes again, and what is said."""
    forget()
    retraining = retrain.Retraining(exported)
    (result,) = retraining.results()
    again = {name: {"median": result[name], "values": result[f"{name}_values"]} for name in result["metrics"]}
    return again, retraining.verdict()


@pytest.fixture(autouse=True)
def threads():
    """Those of this process, as they were."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("rules", "budget", "threads"),
    [
        ((), {"cpus_per_trial": 2}, 2),
        ((), {"cpus_per_trial": 2, "placement": "spread"}, 1),
        ((Allocation({"arch": ("small_cnn",)}, cpus=2),), {}, 2),
        ((Allocation({"arch": ("small_cnn",)}, cpus=1),), {"placement": "spread"}, 1),
    ],
    ids=["packed", "spread", "allocated", "allocated and spread"],
)
@pytest.mark.slow
@pytest.mark.searches
def test_it_retrains_to_every_recorded_bit_with_the_threads_of_who_trained_it(
    cluster, tmp_path, rules, budget, threads
):
    paths, found = exported(tmp_path, rules, **budget)
    assert (found.device, found.threads) == ("cpu", threads)
    again, said = retrained(found)
    assert again == medians(paths)[0, 1]
    assert said.endswith("the recorded median bit for bit, and so is every replicate")
    other = found.model_copy(update={"threads": 3 - threads})
    assert retrained(other)[0] != again  # so the claim above says something
