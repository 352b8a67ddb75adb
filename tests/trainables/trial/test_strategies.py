"""Every strategy trains the same: bit by bit on the CPU, checkpoints to and fro, failures to themselves."""

import copy
from types import SimpleNamespace

import pytest
import torch

from tests.trainables.training import untimed
from trainables import engine
from trainables.config import strategy as names
from trainables.lockstep import LockStep
from trainables.trial.branch import Branch
from trainables.trial.graph import Graph, unsuitable
from trainables.trial.strategies import Auto

pytestmark = pytest.mark.filterwarnings("ignore")

SMALL = {"dataset": "digits", "train_images": 120, "batch_size": 32, "epochs": 2, "augmentation": "crop-flip"}
VGG = {"arch": "vgg_tiny", "norm": "deconv", "block": 8, "image_size": 16}
CASES = [
    ("blur", {"arch": "small_cnn", "mode": "mix"}),
    ("blur", {"arch": "small_cnn", "mode": "single-step", "augmentation": "flip"}),
    ("blur", {"arch": "small_cnn", "mode": "fixed-single-step", "augmentation": "none"}),
    (
        "blur",
        {"arch": "alexnet_cifar", "mode": "normal", "image_size": 8, "train_images": 24, "batch_size": 16},
    ),  # with dropout
    ("online_norm", {"depth": 8, "norm_mode": "batch"}),
    ("online_norm", {"depth": 8, "norm_mode": "online"}),
    ("deconv", {**VGG, "block_fc": 16, "lr_schedule": "cosine"}),
    ("deconv", {**VGG, "stem_freeze": True, "freeze_iter": 2}),
    ("deconv", {**VGG, "optimizer": "adam", "lr": 0.001}),
    ("bn_only", {"depth": 8, "trainable_set": "bn"}),
    ("bn_only", {"depth": 8, "trainable_set": "all", "recompute_blocks": 2}),
    ("imagenet", {"model": "lenet5", "image_size": 32}),
]


def trial(family, knobs, strategy, replicates=2, **more):
    return LockStep(family, {**SMALL, **knobs, **more}, seed=3, replicates=replicates, strategy=strategy)


def without_names(results):
    return [{k: v for k, v in result.items() if not k.startswith("strategy")} for result in untimed(results)]


def tensors(value):
    """Every tensor of nested containers, by its path."""
    if isinstance(value, torch.Tensor):
        return {"": value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    return {f"/{key}{path}": found for key, item in items for path, found in tensors(item).items()}


def same(one, other):
    mine, theirs = tensors(one), tensors(other)
    assert mine.keys() == theirs.keys()
    assert mine
    return all(torch.equal(mine[path], theirs[path]) for path in mine)


@pytest.mark.parametrize(("family", "knobs"), CASES, ids=lambda part: str(part)[:60])
def test_graph_is_bit_equal_to_serial_and_each_continues_the_others_checkpoint(family, knobs):
    straight = {}
    for name in ("serial", "graph"):
        made = trial(family, knobs, name)
        first = made.step()
        assert first["strategy"] == name
        straight[name] = (copy.deepcopy(made.state()), made)
        made.step()
    (half, serial), (other_half, graph) = straight["serial"], straight["graph"]
    assert without_names(serial.history) == without_names(graph.history)
    assert same(half["replicates"], other_half["replicates"])
    assert same(serial.state()["replicates"], graph.state()["replicates"])
    for name, state in (("graph", half), ("serial", other_half)):
        again = trial(family, knobs, name)
        again.load(state)
        again.step()
        assert without_names(again.history) == without_names(serial.history)
        assert same(again.state()["replicates"], serial.state()["replicates"])


def test_the_names_are_known_without_torch_and_one_that_is_none_is_refused():
    assert tuple(engine.STRATEGIES) == names.NAMES
    with pytest.raises(ValueError, match="`strategy` is 'fastest', but must be one of auto, serial, graph; choose one"):
        trial("blur", {"arch": "small_cnn"}, "fastest")


def test_on_a_cpu_auto_is_serial_without_a_word():
    result = trial("blur", {"arch": "small_cnn"}, "auto").step()
    assert (result["strategy"], result["strategy_reason"], result["precision"]) == ("serial", None, "float32")


@pytest.mark.parametrize(
    ("family", "knobs", "reason"),
    [
        ("blur", {"arch": "small_cnn", "mode": "random-mix"}, "draws the sigmas of each batch on the host"),
        ("imagenet", {"model": "lenet5", "image_size": 32, "jitter": 0.2}, "draws the factors of each batch"),
        ("deconv", {**VGG, "refresh": 2}, "puts new statistics in the place of the old ones"),
    ],
    ids=str,
)
def test_what_cannot_be_captured_is_trained_in_turn_and_says_why_once(family, knobs, reason):
    made = trial(family, knobs, "graph")
    first, second = made.step(), made.step()
    assert first["strategy"] == second["strategy"] == "serial"
    assert first["strategy_reason"].startswith("trained one after another: ")
    assert reason in first["strategy_reason"]
    assert second["strategy_reason"] is None
    plain = trial(family, knobs, "serial")
    assert without_names([plain.step(), plain.step()]) == without_names([first, second])


def test_teams_and_streamed_images_are_not_captured():
    replicate = SimpleNamespace(team=SimpleNamespace(alone=False))
    assert "several GPUs" in unsuitable(replicate)
    replicate = SimpleNamespace(team=SimpleNamespace(alone=True), data=SimpleNamespace(streamed=True))
    assert "decoded as they come" in unsuitable(replicate)


def test_a_replicate_that_turns_nan_leaves_its_siblings_as_they_are():
    histories = {}
    for name in ("serial", "graph"):
        made = trial("online_norm", {"depth": 8, "norm_mode": "batch"}, name, replicates=3)
        with torch.no_grad():
            next(made.replicates[1].model.parameters()).fill_(torch.nan)
        made.step()
        made.step()
        histories[name] = without_names(made.history)
        for result in histories[name]:
            for failure in result["failures"]:
                failure.pop("traceback")
        assert [r.failure is None for r in made.replicates] == [True, False, True]
    assert histories["serial"] == histories["graph"]
    assert histories["graph"][0]["failures"][0]["kind"] == "non-finite"


def test_auto_keeps_the_faster_one_and_leaves_it_when_it_has_become_slower():
    class Fake:
        why = None

        def __init__(self, used, seconds):
            self.used, self.seconds = used, list(seconds)

        def run_epoch(self, replicates, epoch, last):
            self.steady = self.seconds.pop(0)
            return self.steady

    auto = Auto()
    auto._strategies = {"graph": Fake("graph", [1.0, 1.0, 5.0]), "serial": Fake("serial", [2.0, 2.0])}
    card = SimpleNamespace(type="cuda")
    family = SimpleNamespace(uncapturable=lambda config: None)
    replicate = SimpleNamespace(
        failure=None,
        device=card,
        team=SimpleNamespace(alone=True),
        data=SimpleNamespace(streamed=False),
        family=family,
        config=None,
    )
    used, said = [], []
    for epoch in range(5):
        auto.run_epoch([replicate], epoch, False)
        used.append(auto.used)
        said.append(auto.why)
    assert used == ["graph", "serial", "graph", "graph", "serial"]
    assert said[1] == "graph from the next epoch on: the training of one took graph 1 s and serial 2 s"
    assert said[3] == "serial from the next epoch on: the training of one took graph 5 s and serial 2 s"
    assert said[0] is said[2] is said[4] is None


def test_a_step_that_draws_on_the_host_or_puts_tensors_in_place_is_found_out():
    def reason(family, knobs, mend=lambda model: None):
        made = trial(family, knobs, "serial", replicates=1)
        branch = Branch(made.replicates[0])
        branch.begin_epoch(0)
        for step in range(2):
            branch.begin_step(step)
            branch.step(32)
        mend(made.replicates[0].model)
        branch.begin_step(2)
        return branch.watched_step(16)

    assert reason("blur", {"arch": "small_cnn", "mode": "random-mix"}) == "each step draws random numbers on the host"
    assert reason("deconv", {**VGG, "refresh": 2}) == "each step puts new tensors in the place of old ones"
    assert reason("blur", {"arch": "small_cnn", "mode": "mix"}) is None

    def counting(model):
        model.steps = 0
        model.register_forward_pre_hook(lambda module, _: setattr(module, "steps", module.steps + 1))

    assert "counts in the network's own attributes" in reason("blur", {"arch": "small_cnn"}, counting)


def test_what_is_built_in_is_part_of_the_key():
    made = trial("blur", {"arch": "small_cnn", "mode": "single-step"}, "serial", replicates=1, epochs=4)
    branch = Branch(made.replicates[0])
    keys = []
    for epoch in range(4):
        branch.begin_epoch(epoch)
        branch.begin_step(0)
        keys.append(branch.key())
    assert keys[0] == keys[1]
    assert keys[1] != keys[2]
    assert keys[2] == keys[3]
    parameter = next(made.replicates[0].model.parameters())
    parameter.requires_grad_(False)
    branch.begin_epoch(3)
    assert branch.key() != keys[3]


def test_a_capture_that_failed_is_told_by_what_went_wrong_first():
    from trainables.trial.graph import _sentence

    def failed(first):
        try:
            try:
                raise first
            finally:
                raise RuntimeError("CUDA error: operation failed due to a previous error during capture")
        except RuntimeError as error:
            return _sentence(error)

    assert failed(torch.OutOfMemoryError("no room")) == "their steps at once do not fit into the memory of the GPU"
    assert failed(ValueError("a number was read\nmore")) == "a step cannot be captured (ValueError: a number was read)"


def test_a_freezing_layer_counts_replayed_steps_as_its_own():
    from trainables.layers.deconv import FastDeconv2d

    trained, replayed = (FastDeconv2d(4, 4, 3, freeze=True, freeze_iter=1) for _ in range(2))
    for _ in range(14):
        assert trained.phase == replayed.phase
        trained(torch.randn(8, 4, 6, 6))
        replayed.replayed()
        assert (trained.calls, trained.updates) == (replayed.calls, replayed.updates)
    assert trained.updates < trained.calls


def test_a_checkpoint_older_than_the_precision_knob_is_continued():
    made = trial("blur", {"arch": "small_cnn"}, "serial")
    made.step()
    state = made.state()
    del state["config"]["precision"]
    again = trial("blur", {"arch": "small_cnn"}, "serial")
    again.load(state)
    assert again.epoch == 1
    other = trial("blur", {"arch": "small_cnn"}, "serial", precision="bf16")
    with pytest.raises(ValueError, match="it is another trial's"):
        other.load(state)


@pytest.mark.parametrize("strategy", names.NAMES)
def test_where_no_replicate_lives_nothing_is_trained(strategy):
    made = trial("blur", {"arch": "small_cnn"}, strategy)
    for replicate in made.replicates:
        replicate.failure = {"replicate": replicate.index, "message": "gone"}
    assert made.step()["diverged"]


def test_replicates_that_wait_keep_no_gradients():
    for name in ("serial", "graph"):
        made = trial("blur", {"arch": "small_cnn"}, name)
        made.step()
        assert all(p.grad is None for r in made.replicates for p in r.model.parameters())


def test_graph_on_a_cpu_captures_nothing():
    made = trial("blur", {"arch": "small_cnn"}, "graph")
    made.step()
    strategy = made.crew._strategy
    assert isinstance(strategy, Graph)
    assert strategy.replayed == 0
