"""What a Slurm cluster says of itself, and what could never run there."""

import socket

import pytest

from tuner.cluster.slurm import asked, cluster, commands
from tuner.cluster.slurm.job import Job
from tuner.errors import ClusterUnreachable

SAID = """\
n1|main*|gpu:a100:4(S:0-1)|64|256000|1-00:00:00
n2|main*|gpu:a100:4(S:0-1)|64|256000|1-00:00:00
n3|small|gpu:t4:1,gpu:2|8|1|infinite
c1|cpu|(null)|128|512000+|2:00:00
"""


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setattr(commands, "run", lambda command: SAID)
    return cluster.look()


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        ("gpu:2", {"gpu": 2}),
        ("gpu:a100:4(S:0-1),gpu:t4:1", {"a100": 4, "t4": 1}),
        ("(null)", {}),
        ("craynetwork:4,gpu:h100:8(S:0-7)", {"h100": 8}),
        ("gpu:tesla:2,gpu:tesla:2", {"tesla": 4}),
    ],
)
def test_the_gpus_of_a_node_are_read_from_its_generic_resources(text, gpus):
    assert cluster.gpus_of(text) == gpus


def test_partitions_nodes_and_limits_are_read(known):
    assert known.partitions == ["cpu", "main", "small"]
    assert known.default == "main"
    assert known.limits == {"main": 86400, "cpu": 7200}
    assert [node.host for node in known.of(Job(partition="cpu,small"))] == ["n3", "c1"]


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        (Job(gpus="8"), "--gpus-per-node is 8, but no node of the partition main has more than 4 GPUs; lower it"),
        (Job(gpus="h100:1"), "no node of the partition main has more than 0 GPUs of type h100"),
        (Job(gpus="1", partition="cpu"), "no node of the partition cpu has more than 0 GPUs"),
        (Job(nodes=3), "--nodes is 3, but the partition main has 2 nodes with what each is to have"),
        (Job(cpus=65), "--cpus-per-node is 65, but no node of the partition main has more than 64 CPUs"),
        (Job(memory="300G"), "--mem is 300G, but no node of the partition main has more than 256000 MiB"),
        (Job(partition="gpu"), "--partition is gpu, but the cluster has cpu, main, small; choose one of them"),
        (Job(partition="smal"), "choose one of them: did you mean `small`?"),
        (Job(time="2-0"), "--time is 2-0, but the partition main lets a job run for 24 hours; lower it"),
    ],
)
def test_what_could_never_run_is_one_sentence(known, job, sentence):
    [problem] = known.problems(job)
    assert sentence in problem


def test_what_can_run_is_not_refused(known):
    fine = [
        Job(2, "4", 64, "250G", "24:00:00"),
        Job(gpus="a100:1"),
        Job(gpus="3", partition="small", memory="64G", time="9-0"),
    ]
    assert [known.problems(job) for job in fine] == [[], [], []]


@pytest.mark.parametrize("error", [commands.Refused("no"), ClusterUnreachable("no")])
def test_a_slurm_that_does_not_answer_keeps_no_script_from_being_printed(monkeypatch, error):
    def fail(command):
        raise error

    monkeypatch.setattr(commands, "installed", lambda: True)
    monkeypatch.setattr(commands, "run", fail)
    assert asked.look() is None


def test_nodes_that_are_all_this_machine_see_what_it_sees(known):
    here = cluster.Node(socket.gethostname(), "main", {}, 1, 1)
    assert not known.is_this_machine_alone(Job())
    assert cluster.Cluster((here, here), "main", {}).is_this_machine_alone(Job())
