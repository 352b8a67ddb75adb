"""Three real raylets with two GPUs each (that Ray counts and nobody has): packing, a lost node, and a search under fire."""

import datetime
import itertools
import re
import signal
import time
from dataclasses import dataclass

import pytest

from benchmarks.raylets import Raylets
from benchmarks.survival import soak
from tests.tuner.searches import count_epochs, medians, options, repeats, run, start
from tuner.records.lines import read
from tuner.records.manifest import read as read_manifest
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History
from tuner.rules.rule import rule_of
from tuner.rules.verify import contradictions

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

WHERE = re.compile(
    r"^(?P<time>\S+ \S+) INFO (?P<what>training on|leaving) node (?P<node>\w+), (?:GPU (?P<gpus>[\d, ]+)|no GPU)"
)


@dataclass
class Stay:
    """A trial's time on a card, from its own log."""

    trial: int
    node: str
    gpu: str
    began: float
    ended: float


def stays(paths):
    """Every stay of every trial on its card; one that was killed ends with the last line it logged."""
    found = []
    for log in sorted(paths.root.glob("trials/*/log.txt")):
        now = None
        for line in log.read_text().splitlines():
            stamp = re.match(r"\d{4}-\d\d-\d\d [\d:,]+", line)
            if stamp is None:
                continue
            moment = datetime.datetime.strptime(stamp[0], "%Y-%m-%d %H:%M:%S,%f").timestamp()
            place = WHERE.match(line)
            if place and place["what"] == "training on":
                now = Stay(int(log.parent.name), place["node"], place["gpus"], moment, moment)
                found.append(now)
            now.ended = moment
    return found


def most_at_once(found):
    """The largest number of stays at one moment."""
    return max((sum(other.began <= stay.began < other.ended for other in found) for stay in found), default=0)


def wait_for(driver, condition):
    """Wait for something that a running driver brings about."""
    deadline = time.monotonic() + 600
    while not condition():
        assert driver.poll() is None, driver.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def raylets():
    with Raylets(nodes=3, cpus=2, gpus=2) as started:
        yield started


def test_gpus_that_no_node_has_are_reported_for_every_node_before_anything_starts(raylets, tmp_path, monkeypatch):
    monkeypatch.delenv("TUNER_FAKE_GPUS")
    code, output = run(*options(tmp_path / "store", "none"), "--gpus-per-trial", 1, address=raylets.address)
    assert code == 2, output
    assert len(re.findall(r"node \S+ \(\w{8}\): Ray counts 2 GPUs, but torch sees 0", output)) == 3
    assert not (tmp_path / "store").exists()


def test_what_can_never_be_placed_is_refused_in_one_sentence(raylets, tmp_path):
    code, output = run(*options(tmp_path, "wide"), "--gpus-per-trial", 3, address=raylets.address)
    assert code == 2, output
    assert "a trial asks for 1 CPUs and 3 GPUs on one node, but no node of the cluster has both" in output
    assert list(tmp_path.iterdir()) == []


def test_spread_replicates_train_in_workers_of_their_own_to_the_medians_of_packed_ones(raylets, tmp_path):
    shared = ["--trials", 3, "--epochs", 3, "--replicates", 3, "--grace", 1]
    small = ["--gpus-per-trial", 0.75, "--cpus-per-trial", 0.9]
    for placement in ("packed", "spread"):
        code, output = run(
            *options(tmp_path, placement), *shared, *small, "--placement", placement, address=raylets.address
        )
        assert code == 0, output
    packed, spread = (ExperimentPaths(tmp_path / name) for name in ("packed", "spread"))
    common = medians(packed).keys() & medians(spread).keys()
    assert len(common) >= 5  # the baseline's three epochs and one of each other trial
    assert all(medians(packed)[key] == medians(spread)[key] for key in common)
    log = spread.trial_log(0).read_text()
    assert "training on node" in log
    assert "no GPU" in log.splitlines()[0]
    workers = re.findall(r"worker \d trains on node \w+, GPU \d, process (\d+)", log)
    assert len(set(workers)) == 3
    cards = [(stay.node, stay.gpu) for stay in stays(packed)]
    assert all(gpu is not None for _, gpu in cards)


def test_a_replicate_on_two_gpus_trains_to_the_medians_of_one_and_outlives_one_of_its_workers(raylets, tmp_path):
    shared = ["--epochs", 6, "--trials", 1, "--replicates", 2, "--grace", 6, "--cpus-per-trial", 1.2]
    on_one, packed, spread = (ExperimentPaths(tmp_path / name) for name in ("one", "packed", "spread"))
    code, output = run(*options(tmp_path, "one"), *shared, address=raylets.address)
    assert code == 0, output
    teams = [*shared, "--gpus-per-replicate", 2]
    driver = start(*options(tmp_path, "packed"), *teams, address=raylets.address)
    deadline = time.monotonic() + 300
    while count_epochs(packed.records) < 2:
        assert driver.poll() is None, driver.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    workers = [process for process in raylets.trial_workers() if "ReplicateWorker" in process.cmdline()[0]]
    assert len(workers) == 2
    workers[1].kill()
    output, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, output
    assert [record["kind"] for record in read(packed.records) if record["event"] == "error"] == ["lost"]
    cards = re.findall(r"worker (\d) trains on node (\w+), GPU (\d)", packed.trial_log(0).read_text())
    assert [number for number, *_ in cards] == ["0", "1"] * 2
    assert len({(node, gpu) for _, node, gpu in cards[:2]}) == 2
    code, output = run(*options(tmp_path, "spread"), *teams, "--placement", "spread", address=raylets.address)
    assert code == 0, output
    for paths, gpus in ((packed, 2), (spread, 4)):
        assert read_manifest(paths.manifest).budget.gpus_per_trial == gpus
        assert medians(paths).keys() == medians(on_one).keys()
        for key, metrics in medians(on_one).items():
            # The sums of a batch have another order, which no two epochs forgive.
            assert medians(paths)[key]["val_loss"]["median"] == pytest.approx(metrics["val_loss"]["median"], rel=0.02)


def test_twelve_trials_fill_six_gpus_and_a_lost_node_costs_none_of_them(raylets, tmp_path):
    paths = ExperimentPaths(tmp_path / "twelve")
    arguments = options(tmp_path, "twelve", trials=12, epochs=27)
    driver = start(*arguments, "--grace", 9, "--gpus-per-trial", 1, address=raylets.address)
    wait_for(driver, lambda: count_epochs(paths.records) >= 30 and most_at_once(stays(paths)) == 6)
    lost = raylets.kill_node(0)[:12]
    output, _ = driver.communicate(timeout=900)
    raylets.add()
    assert driver.returncode == 0, output
    found = stays(paths)
    assert len({(stay.node, stay.gpu) for stay in found}) == 6
    assert most_at_once(found) == 6
    for one, other in itertools.combinations(found, 2):
        same_card = (one.node, one.gpu) == (other.node, other.gpu)
        assert not same_card or one.ended <= other.began or other.ended <= one.began, (one, other)
    hit = {record["trial"] for record in read(paths.records) if record["event"] == "error"}
    assert 1 <= len(hit) <= 2
    for trial in hit:
        nodes = [stay.node for stay in found if stay.trial == trial]
        assert nodes[0] == lost
        assert nodes[-1] != lost
    history = History.load(paths)
    assert {trial.status for trial in history.trials} <= {"completed", "stopped"}
    again = [record["trial"] for record in repeats(paths)]
    assert all(again.count(trial) <= 1 for trial in hit)  # a checkpoint after every epoch
    assert set(again) <= hit
    assert contradictions(rule_of(read_manifest(paths.manifest)), read(paths.records)) == []


def test_a_node_that_joins_is_used_if_it_is_fit_and_left_out_at_no_trials_cost_if_not(raylets, bucket):
    paths = ExperimentPaths(bucket / "store" / "six")
    arguments = options(bucket / "store", "six", trials=6, epochs=400)
    driver = start(*arguments, "--grace", 400, "--gpus-per-trial", 1, address=raylets.address)

    def recorded(*events):
        return [record for record in read(paths.records) if record["event"] in events]

    def unfit():
        return [record for record in recorded("error") if record["kind"] == "node"]

    wait_for(driver, lambda: len({record["trial"] for record in recorded("epoch")}) == 6)
    raylets.kill_node(0)
    blind = raylets.add(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    wait_for(driver, unfit)
    raylets.add()
    left_out = unfit()[0]
    wait_for(
        driver, lambda: any(r["trial"] == left_out["trial"] and r["time"] > left_out["time"] for r in recorded("epoch"))
    )
    driver.send_signal(signal.SIGINT)
    output, _ = driver.communicate(timeout=300)
    raylets.kill_node(-2)
    assert driver.returncode == 130, output
    # Ray still counts the node that has just died when the next search asks how its nodes are.
    code, after = run(*options(bucket / "store", "after", trials=1, epochs=1), "--grace", 1, address=raylets.address)
    assert code == 0, after
    assert f"({blind[:8]}): cannot use the storage {bucket}/store (S3 does not answer" in left_out["message"]
    assert not left_out["final"]
    assert output.count("left out: node ") == 1
    assert len(unfit()) == len({record["trial"] for record in unfit()}) <= 2  # no trial is placed there twice


def test_a_search_under_fire_ends_as_one_that_was_left_alone(raylets, tmp_path):
    found = soak(tmp_path, raylets, kills=4, trials=6, epochs=18)
    assert len(found.kills) >= 2  # a fast machine may finish before the last ones
    assert found.unharmed, found
