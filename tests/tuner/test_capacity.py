"""How many trials fit, and what can never fit."""

import pytest

from trainables.footprint import Load
from tuner.capacity import check_resources, concurrency, load_of_node
from tuner.errors import BadInput
from tuner.ray_session import Resources


@pytest.mark.parametrize(
    ("cpus", "gpus", "there", "limit", "expected"),
    [
        (1, 0, Resources(2, 0), None, 2),
        (1, 0, Resources(2, 0), 1, 1),
        (1, 0, Resources(2, 0), 9, 2),
        (0.5, 0, Resources(2, 0), None, 4),
        (0.1, 0, Resources(0.3, 0), None, 3),
        (4, 1, Resources(64, 8), None, 8),
        (1, 0.25, Resources(64, 2), None, 8),
        (1, 0.4, Resources(64, 2), None, 4),  # two on each card, whatever is left over
        (8, 0.25, Resources(16, 2), None, 2),
        (1, 2, Resources(64, 7), None, 3),
    ],
)
def test_as_many_trials_as_fit_train_at_once(cpus, gpus, there, limit, expected):
    assert concurrency(cpus, gpus, there, limit) == expected


@pytest.mark.parametrize(
    ("there", "limit", "trials", "expected"),
    [
        (Resources(8, 0), None, 20, 4),
        (Resources(8, 0), 3, 20, 3),
        (Resources(8, 0), None, 2, 2),
        (Resources(32, 0, nodes=4), None, 99, 4),
        (Resources(32, 0, nodes=4), 5, 99, 2),
    ],
)
def test_a_node_bears_its_share_of_the_trials_at_once(there, limit, trials, expected):
    budget = {"cpus_per_trial": 2, "gpus_per_trial": 0, "replicates": 5, "trials": trials, "max_concurrent": limit}
    assert load_of_node(budget, there) == Load(replicates=5, at_once=expected, gpus=0)


def test_what_can_never_fit_is_refused_with_every_problem():
    with pytest.raises(BadInput) as caught:
        check_resources(3, 1, Resources(2, 0))
    assert str(caught.value).splitlines() == [
        "a trial asks for 3 CPUs, but the cluster has 2; lower --cpus-per-trial",
        "a trial asks for 1 GPUs, but the cluster has 0; lower --gpus-per-trial",
    ]
