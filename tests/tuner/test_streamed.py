"""A search on streamed photographs: placed apart it ends in the same medians, and a broken image loses nothing."""

import numpy as np
import pytest
from PIL import Image

from tests.tuner.searches import medians, run
from trainables.lockstep import LockStep
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History

pytestmark = [pytest.mark.slow, pytest.mark.cluster]


@pytest.fixture
def photographs(tmp_path):
    """Ten training and four validation images of each of two classes, 40x50 pixels."""
    root, generator = tmp_path / "photographs", np.random.default_rng(0)
    for split, count in (("train", 10), ("val", 4)):
        for label in range(2):
            folder = root / split / f"n0{label}"
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(0, 200, (40, 50, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"n0{label}_{index}.png")
    return root


def test_a_broken_image_stops_the_search_and_spread_replicates_decode_for_themselves_to_the_same_medians(
    cluster, photographs, tmp_path
):
    settings = (f"dataset=imagenet:{photographs}", "image_size=32", "batch_size=9", "depth=8", "trainable_set=bn")
    arguments = ["launch", "bn_only", "--name", "photos", "--storage", tmp_path, "--placement", "spread"]
    for setting in (*settings, "gamma_init=uniform", "init_evaluation=estimated", "lr=choice(0.1,0.03)"):
        arguments += ["--set", setting]
    arguments += ["--trials", 2, "--replicates", 2, "--epochs", 2, "--grace", 2]
    broken = photographs / "train" / "n01" / "n01_7.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:300])
    code, output = run(*arguments, address=cluster)
    assert code == 1, output
    assert f"{broken} cannot be decoded (image file is truncated); replace or remove it, or set " in output
    assert "no trial is lost: then continue with `tuner resume photos" in " ".join(output.split())
    assert "Traceback" not in output
    broken.write_bytes(whole)
    code, output = run("resume", "photos", "--storage", tmp_path, address=cluster)
    assert code == 0, output
    paths = ExperimentPaths(tmp_path / "photos")
    recorded = medians(paths)
    for trial in History.load(paths).trials:
        packed = LockStep("bn_only", trial.config, seed=0, replicates=2)
        for epoch in (1, 2):
            result = packed.step()
            assert {name: metric["values"] for name, metric in recorded[trial.index, epoch].items()} == {
                name: result[f"{name}_values"] for name in result["metrics"]
            }
    assert {"val_accuracy_pruned_0.01", "val_accuracy_untrained", "test_accuracy"} <= recorded[1, 2].keys()
