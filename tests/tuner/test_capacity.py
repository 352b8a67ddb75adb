"""How many trials fit, and what can never fit."""

import pytest

from tuner.capacity import check_resources, concurrency
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


def test_what_can_never_fit_is_refused_with_every_problem():
    with pytest.raises(BadInput) as caught:
        check_resources(3, 1, Resources(2, 0))
    assert str(caught.value).splitlines() == [
        "a trial asks for 3 CPUs, but the cluster has 2; lower --cpus-per-trial",
        "a trial asks for 1 GPUs, but the cluster has 0; lower --gpus-per-trial",
    ]
