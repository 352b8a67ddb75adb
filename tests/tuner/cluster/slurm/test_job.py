"""What is asked of Slurm is checked before Slurm is asked."""

import pytest

from tuner.cluster.slurm.job import Job, seconds


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("90", 5400),
        ("10:30", 630),
        ("24:00:00", 86400),
        ("1-12", 129600),
        ("1-12:30", 131400),
        ("2-00:00:01", 172801),
        ("infinite", None),
        ("24h", None),
        ("-1", None),
        ("1:2:3:4", None),
    ],
)
def test_time_limits_are_read_as_slurm_reads_them(text, limit):
    assert seconds(text) == limit


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        (Job(nodes=0), "`nodes` is 0, but must be at least 1; raise --nodes"),
        (Job(cpus=0), "`cpus_per_node` is 0, but must be at least 1; raise --cpus-per-node"),
        (Job(warning=10), "`warning` is 10, but must be at least 40; raise --warning"),
        (Job(restarts=0), "`max_restarts` is 0, but must be at least 1; raise --max-restarts"),
        (Job(gpus="four"), "--gpus-per-node is four, but must be a number or TYPE:NUMBER; write 4 or a100:4"),
        (Job(gpus="-1"), "--gpus-per-node is -1, but must be a number or TYPE:NUMBER; write 4 or a100:4"),
        (Job(memory="much"), "--mem is much, but must be a number and K, M, G or T; write 64G"),
        (Job(time="1 day"), "--time is 1 day, but must be as Slurm writes it"),
        (Job(time="0"), "so it must be at least 180 s; raise --time"),
        (Job(time="3:00", warning=150), "so it must be at least 210 s; raise --time"),
        (Job(partition="a\n#SBATCH --uid=0"), "must be one line of text"),
        (Job(more=("reservation=x",)), "must be an option of sbatch in one text"),
        (Job(more=("--exclusive\nrm -r x",)), "must be an option of sbatch in one text"),
        (Job(more=("--time=5",)), "but the script sets --time itself; use --time instead"),
        (Job(more=("-J other",)), "but the script sets -J itself; use --name instead"),
        (Job(more=("--array=1-5",)), "but the script sets --array itself; use nothing: a search is one job instead"),
    ],
)
def test_what_cannot_be_is_one_sentence(job, sentence):
    [problem] = job.problems()
    assert sentence in problem
    assert "\n" not in problem


def test_a_usual_job_has_no_problem_and_all_problems_come_at_once():
    usual = Job(2, "a100:4", 32, "64G", "1-00:00:00", "gpu", "lab", "high", "ib&nvme", more=("--exclusive",))
    assert usual.problems() == []
    assert (usual.gpu_count, usual.gpu_type) == (4, "a100")
    assert len(Job(nodes=0, gpus="x", memory="y", time="z").problems()) == 4
