"""A node that nobody has looked at: what the worker there asks, and where its trial may go afterwards.

That a real node is left out is tested on real raylets in test_cluster.py.
"""

from types import SimpleNamespace

import pytest
from ray.tune import PlacementGroupFactory

from trainables.on_ray.trainable import BlurTrainable
from tuner.experiment.scheduler import JudgeScheduler
from tuner.machines import newcomers, node
from tuner.machines.newcomers import Inspection, UnfitNode, blamed, elsewhere

KNOBS = {"dataset": "digits", "image_size": 8, "train_images": 120, "batch_size": 40, "epochs": 1}


@pytest.fixture
def inspection(tmp_path, monkeypatch):
    """Of node abc, which nobody knows and which has not been looked at."""
    context = SimpleNamespace(get_node_id=lambda: "abcdef0123456789")
    monkeypatch.setattr("ray.get_runtime_context", lambda: context)
    monkeypatch.setattr(newcomers, "_fit", set())
    sign = tmp_path / "store" / "exp" / "manifest.json"
    sign.parent.mkdir(parents=True)
    sign.touch()

    def made(**changes):
        given = {"known": frozenset(), "versions": node.versions(), "fingerprints": {}, "gpus": False}
        return Inspection(**{"storage": tmp_path / "store", "sign": sign} | given | changes)

    return made


def test_a_fit_node_is_looked_at_once_by_a_worker(inspection):
    sound = inspection()
    sound("blur", KNOBS, gpus=0.0)
    sound.sign.unlink()
    sound("blur", KNOBS, gpus=0.0)
    with pytest.raises(UnfitNode):
        sound("blur", KNOBS | {"image_size": 16}, gpus=0.0)


def test_a_node_that_the_preflight_has_looked_at_is_not_looked_at_again(inspection, tmp_path):
    inspection(known=frozenset({"abcdef0123456789"}), sign=tmp_path / "missing")("blur", KNOBS, gpus=0.0)


def test_every_problem_of_a_node_is_told_in_one_line_that_names_it(inspection, tmp_path):
    unfit = inspection(sign=tmp_path / "missing", versions={"code": "abc"}, fingerprints={"8": "other"})
    with pytest.raises(UnfitNode) as caught:
        unfit("blur", KNOBS, gpus=0.0)
    failure = f"ray::BlurTrainable.__init__()\n  raise\ntuner.newcomers.UnfitNode: {caught.value}\nmore"
    name, sentence = blamed(failure)
    assert name == "abcdef0123456789"
    assert sentence.startswith("node ")
    assert "(abcdef01): the storage" in sentence
    assert "instead of abc; install" in sentence
    assert "but the search began on other; copy the same data to every node" in sentence


def test_gpus_that_a_trial_is_given_must_be_there(inspection, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    inspection(gpus=True)("blur", KNOBS, gpus=0.0)
    with pytest.raises(UnfitNode, match="Ray counts 1 GPUs, but torch sees 0"):
        inspection(gpus=True)("blur", KNOBS | {"image_size": 16}, gpus=0.25)


def test_any_other_failure_is_not_the_nodes():
    assert blamed("RuntimeError: CUDA error") is None
    assert blamed("") is None


@pytest.mark.parametrize("bundles", [[{"CPU": 1.0}], [{}, {"CPU": 1.0}, {"CPU": 1.0}]])
def test_elsewhere_asks_for_the_same_on_other_nodes(bundles):
    request = PlacementGroupFactory(bundles)
    moved = elsewhere(request, {"b", "a"})
    assert (moved.bundles, moved.head_bundle_is_empty) == (request.bundles, request.head_bundle_is_empty)
    assert moved != request
    assert moved == elsewhere(moved, {"a", "b"})
    assert moved._bound.arguments["bundle_label_selector"] == [{"ray.io/node-id": "!in(a,b)"}] * len(request.bundles)


def test_a_trial_that_met_an_unfit_node_loses_no_retry_and_neither_it_nor_a_later_one_goes_there(tmp_path):
    def trial(failure=""):
        file = tmp_path / f"{len(failure)}.txt"
        file.write_text(failure)
        made = SimpleNamespace(
            placement_group_factory=PlacementGroupFactory([{"CPU": 1.0}]),
            run_metadata=SimpleNamespace(num_failures=1),
            error_file=str(file),
        )
        made.update_resources = lambda request: setattr(made, "placement_group_factory", request)
        return made

    scheduler = JudgeScheduler(SimpleNamespace(), lambda: False)
    lost = trial("Failure # 1\nThe actor died.")
    scheduler.on_trial_error(None, lost)
    assert lost.run_metadata.num_failures == 1
    assert lost.placement_group_factory == PlacementGroupFactory([{"CPU": 1.0}])
    unlucky, later = trial("Failure # 1\nUnfitNode: abc node n (abc): full"), trial()
    scheduler.on_trial_error(None, unlucky)
    scheduler.on_trial_add(None, later)
    assert unlucky.run_metadata.num_failures == 0
    expected = elsewhere(PlacementGroupFactory([{"CPU": 1.0}]), {"abc"})
    assert unlucky.placement_group_factory == later.placement_group_factory == expected


def test_a_worker_looks_before_it_makes_anything(tmp_path):
    def look(family, knobs, *, gpus):
        raise UnfitNode(f"abc {family} {sorted(knobs)} {gpus}")

    assignment = {"config": KNOBS, "seed": 0, "replicates": 1, "cpus": 1, "gpus": 0.5, "look": look}
    with pytest.raises(UnfitNode, match=r"abc blur \['batch_size', .*\] 0.5"):
        BlurTrainable({"trial": assignment | {"directory": str(tmp_path / "trial")}})
    assert not (tmp_path / "trial").exists()
