"""Seeds that join at a rung: trained from the beginning to where the others stand, bit by bit what they are elsewhere."""

import random

import pytest

from tests.trainables.trial.test_lockstep import KNOBS, RANDOM, numbers, run
from trainables import checkpoints, engine
from trainables.lockstep import LockStep
from trainables.trial.guarded import GuardedTrial
from trainables.trial.seeds import Seeds

RUNGS = (1, 2, 4, 6)
SEEDS = Seeds.by_rung((1, 1, 3, 5), RUNGS, 5)


def trial(**more):
    return LockStep("blur", RANDOM | {"epochs": 6}, replicates=5, seeds=SEEDS, **more)


def without_times(state):
    return {key: value for key, value in state.items() if key != "history"} | {"history": numbers(state["history"])}


def same(one, two):
    import torch

    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two


@pytest.fixture(scope="module")
def whole():
    """The trial left alone, and its results."""
    alone = trial()
    return alone, numbers(run(alone))


def test_the_number_of_seeds_follows_from_the_rung_that_a_trial_trains_up_to():
    assert [SEEDS.at(epoch) for epoch in range(1, 7)] == [1, 1, 3, 3, 5, 5]
    assert [list(SEEDS.joining(epoch)) for epoch in range(7)] == [[], [], [1, 2], [], [3, 4], [], []]
    assert (SEEDS.work(0, 2), SEEDS.work(2, 4), SEEDS.work(4, 6)) == (2, 2 * 2 + 2 * 3, 2 * 4 + 2 * 5)
    assert SEEDS.work(0, 6) == 5 * 6
    assert Seeds.by_rung((1, 3), RUNGS, 3).stages == ((0, 1), (1, 3))


@pytest.mark.parametrize("counts", [None, (5,), (5, 5, 5)])
def test_as_many_seeds_at_every_rung_are_seeds_from_the_beginning(counts):
    assert Seeds.by_rung(counts, RUNGS, 5) == Seeds.all_along(5)
    assert not Seeds.all_along(5).grow


def test_late_seeds_train_from_the_beginning_to_the_rung_and_then_all_go_on(whole):
    _, results = whole
    steps = [(r["epoch"], r.get("late", 0), r.get("first", 0), len(r["val_loss_values"])) for r in results]
    assert steps == [
        (1, 0, 0, 1),
        (2, 0, 0, 1),
        (2, 1, 1, 2),
        (2, 2, 1, 2),
        (3, 0, 0, 3),
        (4, 0, 0, 3),
        *((4, late, 3, 2) for late in (1, 2, 3, 4)),
        (5, 0, 0, 5),
        (6, 0, 0, 5),
    ]
    assert [r["finished"] for r in results] == [False] * (len(steps) - 1) + [True]


def test_every_seed_is_bit_by_bit_what_it_is_among_five_from_the_beginning(whole):
    alone, results = whole
    together = LockStep("blur", RANDOM | {"epochs": 6}, replicates=5)
    five = numbers(run(together))
    for result in results:
        epoch, first = result.get("late", result["epoch"]), result.get("first", 0)
        for name in result["metrics"]:
            values = result[f"{name}_values"]
            assert values == five[epoch - 1][f"{name}_values"][first : first + len(values)]
    assert same(alone.state()["replicates"], together.state()["replicates"])


def test_a_checkpoint_of_any_step_goes_on_bit_by_bit(whole, tmp_path):
    alone, results = whole
    before = trial()
    for step in range(len(results)):
        checkpoints.save(tmp_path, before.state(), step)
        resumed = trial()
        resumed.load(checkpoints.load_file(tmp_path / f"checkpoint_{step:06d}.pt"))
        assert numbers([resumed.step()]) == [results[step]]
        before.step()
    run(resumed)
    assert same(without_times(resumed.state()), without_times(alone.state()))


def test_a_worker_that_goes_on_first_reports_what_the_driver_does_not_have(whole, tmp_path):
    _, results = whole
    earlier = trial()
    for step in range(1, len(results)):
        earlier.step()
        checkpoints.save(tmp_path, earlier.state(), step)
        known = random.Random(step).randrange(step + 1)
        last = results[known - 1] if known else {"epoch": 0}
        recorded = {"recorded_epoch": last["epoch"], "recorded_late": last.get("late", 0)}
        guarded = GuardedTrial(lambda one_by_one, limit: trial(), tmp_path, **recorded)
        told = [guarded.step() for _ in range(step - known)]
        assert all(result.pop("replayed") and result.pop("errors") == [] for result in told)
        assert numbers(told) == results[known:step]
        assert "replayed" not in guarded.step()


def test_a_state_with_another_number_of_seeds_is_another_trials():
    three = LockStep("blur", RANDOM | {"epochs": 6}, replicates=3)
    three.step()
    with pytest.raises(ValueError, match="`replicates` is 3, but this trial's is 1"):
        trial().load(three.state())
    with pytest.raises(ValueError, match="`seeds` end with 5, but `replicates` is 3"):
        LockStep("blur", KNOBS, replicates=3, seeds=SEEDS)


def failing(monkeypatch, *seeds):
    """Those seeds fail in their second epoch."""
    real = engine.train_epoch

    def train_epoch(replicate, epoch):
        if replicate.index in seeds and epoch == 1:
            raise RuntimeError("this seed fails")
        return real(replicate, epoch)

    monkeypatch.setattr(engine, "train_epoch", train_epoch)


def test_a_late_seed_that_fails_counts_as_the_worst_and_the_others_go_on(monkeypatch):
    failing(monkeypatch, 1)
    results = run(trial())
    assert [r["replicates_ok"] for r in results] == [1, 1, 3, 2, 2, 2, 4, 4, 4, 4, 4, 4]
    assert results[3]["failures"][0]["replicate"] == 1
    assert results[4]["val_accuracy_values"][1] == float("-inf")


def test_seeds_that_all_fail_keep_nobody_waiting(monkeypatch):
    failing(monkeypatch, 3, 4)
    steps = [(r["epoch"], r.get("late"), r["replicates_ok"]) for r in run(trial())]
    assert steps[-4:] == [(4, 1, 5), (4, 2, 3), (5, None, 3), (6, None, 3)]


def test_a_trial_whose_majority_fails_while_catching_up_has_diverged(monkeypatch):
    failing(monkeypatch, 1, 2)
    last = run(trial())[-1]
    assert (last["epoch"], last["late"], last["diverged"], last["finished"]) == (2, 2, True, True)
