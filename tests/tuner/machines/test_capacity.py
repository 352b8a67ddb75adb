"""How many trials fit, card by card, and what can never fit."""

import pytest

from trainables.process.footprint import Load
from tuner.errors import BadInput
from tuner.machines.allocation import Allocator, Share
from tuner.machines.capacity import check_resources, concurrency, load_of_node
from tuner.machines.ray_session import Node, Resources


def cluster(*nodes, to_come=()):
    return Resources(tuple(nodes), tuple(to_come))


@pytest.mark.parametrize(
    ("cpus", "gpus", "node", "limit", "expected"),
    [
        (1, 0, Node(2, 0), None, 2),
        (1, 0, Node(2, 0), 1, 1),
        (1, 0, Node(2, 0), 9, 2),
        (0.5, 0, Node(2, 0), None, 4),
        (0.1, 0, Node(0.3, 0), None, 3),
        (4, 1, Node(64, 8), None, 8),
        (1, 0.25, Node(64, 2), None, 8),
        (1, 0.4, Node(64, 2), None, 4),  # two on each card, whatever is left over
        (8, 0.25, Node(16, 2), None, 2),
        (1, 2, Node(64, 7), None, 3),
    ],
)
def test_as_many_trials_as_fit_train_at_once(cpus, gpus, node, limit, expected):
    assert concurrency([Share(cpus, gpus)], cluster(node), limit) == expected


def test_a_trial_never_spans_two_nodes():
    two = cluster(Node(4, 1), Node(4, 1))
    assert concurrency([Share(3, 0.5)], two, None) == 2
    with pytest.raises(BadInput, match="asks for 6 CPUs on one node, but the largest has 4"):
        check_resources([Share(6, 0)], two)
    with pytest.raises(BadInput, match="asks for 1 CPUs and 2 GPUs on one node, but no node of the cluster has both"):
        check_resources([Share(1, 2)], two)


def test_the_workers_of_a_spread_trial_may_lie_on_several_nodes():
    share = Share(1, 0.4, workers=5)
    assert concurrency([share], cluster(Node(8, 2), Node(8, 2), Node(8, 2)), None) == 2
    with pytest.raises(BadInput, match=r"5 workers of 1 CPUs and 0\.4 GPUs, but only 4 fit on the cluster at once"):
        check_resources([share], cluster(Node(8, 2)))


def test_with_shares_of_several_sizes_the_smallest_sets_how_many_there_may_be():
    assert concurrency([Share(1, 1), Share(1, 0.25)], cluster(Node(16, 2)), None) == 8


def test_what_the_autoscaler_may_start_counts():
    growing = cluster(Node(0, 0), to_come=[Node(8, 1)] * 3)
    assert concurrency([Share(8, 1)], growing, None) == 3
    check_resources([Share(8, 1)], growing)


def test_a_card_of_another_type_is_no_card():
    mixed = cluster(Node(8, 1, "T4"), Node(8, 1, "A10G"))
    assert concurrency([Share(1, 1, accelerator_type="A10G")], mixed, None) == 1
    with pytest.raises(BadInput, match="asks for a card of type H100, but the cluster has cards of type A10G, T4"):
        check_resources([Share(1, 1, accelerator_type="H100")], mixed)


@pytest.mark.parametrize(
    ("nodes", "limit", "trials", "expected"),
    [
        ([Node(8)], None, 20, 4),
        ([Node(8)], 3, 20, 3),
        ([Node(8)], None, 2, 2),
        ([Node(8)] * 4, None, 99, 4),
        ([Node(8)] * 4, 5, 99, 2),
    ],
)
def test_a_node_bears_its_share_of_the_trials_at_once(nodes, limit, trials, expected):
    allocator = Allocator("blur", 2, 0, 5, 1, 1, None, ())
    assert load_of_node(allocator, [{}] * trials, cluster(*nodes), limit) == Load(
        replicates=5, at_once=expected, gpus=0
    )


def test_a_worker_of_spread_replicates_bears_one_of_them():
    allocator = Allocator("blur", 5, 1, 5, 5, 1, None, ())
    assert load_of_node(allocator, [{}] * 9, cluster(Node(8, 2)), None) == Load(replicates=1, at_once=5, gpus=0.2)


def test_a_worker_of_a_team_bears_all_replicates_and_its_part_of_each_batch():
    allocator = Allocator("blur", 2, 2, 5, 2, 2, None, ())
    expected = Load(replicates=5, at_once=4, gpus=1, team=2)
    assert load_of_node(allocator, [{}] * 9, cluster(Node(8, 4)), None) == expected


def test_more_gpus_a_replicate_than_there_are_is_refused_with_the_option_that_asked_for_them():
    with pytest.raises(
        BadInput, match=r"over 8 workers of 1 CPUs and 1 GPUs, but only 4 fit .* or --gpus-per-replicate$"
    ):
        check_resources([Share(1, 1, workers=8, team=8)], cluster(Node(8, 2), Node(8, 2)))
    with pytest.raises(
        BadInput, match=r"8 workers asks for 1 GPUs, but the cluster has 0; leave --gpus-per-replicate out$"
    ):
        check_resources([Share(1, 1, workers=8, team=8)], cluster(Node(8, 0)))


def test_what_can_never_fit_is_refused_with_every_problem():
    with pytest.raises(BadInput) as caught:
        check_resources([Share(3, 1)], cluster(Node(2, 0)))
    assert str(caught.value).splitlines() == [
        "a trial asks for 3 CPUs, but the cluster has 2; lower --cpus-per-trial",
        "a trial asks for 1 GPUs, but the cluster has 0; lower --gpus-per-trial",
    ]
