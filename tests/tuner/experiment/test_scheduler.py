"""The judge as Ray sees it: what Ray makes of a result on the way reaches the judge as it was reported."""

from types import SimpleNamespace

from ray.tune.utils import flatten_dict

from tuner.experiment.scheduler import JudgeScheduler


def test_the_familys_scalars_reach_the_judge_although_ray_flattens_every_result():
    seen = []
    judge = SimpleNamespace(observe=lambda trial, result: seen.append((trial, result)) or "continue")
    reported = {
        "epoch": 1,
        "metrics": ["val_loss"],
        "scalars": {"n_trainable": 672, "lr_effective": 0.5},
        "failures": [],
    }
    for result in (reported, reported | {"scalars": {}}):
        trial = SimpleNamespace(config={"trial": {"index": 3}})
        assert (
            JudgeScheduler(judge, lambda: False).on_trial_result(None, trial, flatten_dict(dict(result))) == "CONTINUE"
        )
    assert [trial for trial, _ in seen] == [3, 3]
    assert seen[0][1]["scalars"] == {"n_trainable": 672, "lr_effective": 0.5}
    assert seen[1][1]["scalars"] == {}
    assert seen[0][1]["epoch"] == 1
