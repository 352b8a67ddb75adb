"""Acting from a page: the buttons, the command of each, and who is refused."""

import json
import time
import urllib.error
import urllib.request

import pytest

from tests.tuner.experiments import Experiment, around, finished
from tests.tuner.report.page import Page
from tests.tuner.report.serving import pressed, served
from tuner.records.lock import DriverLock
from tuner.report.acting import Actor
from tuner.report.actions import actions
from tuner.results.history import History


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("storage"))


@pytest.fixture(scope="module")
def actor():
    return Actor()


@pytest.fixture(scope="module")
def address(ended, actor):
    """Of the search's page."""
    with served(ended.paths.root.parent, actor=actor) as address:
        yield f"{address}search/made-up/"


def test_only_a_page_of_this_server_that_has_the_token_may_act(actor, address):
    token = actor.token
    assert pressed(address, token)[0] == 409  # admitted; a search that has ended cannot be stopped
    refused = {
        "no token": pressed(address, None),
        "another token": pressed(address, token[:-1] + "!"),
        "a foreign page": pressed(address, token, Origin="http://evil.example"),
        "another port": pressed(address, token, Origin="http://127.0.0.1:1"),
        "no origin": pressed(address, token, Origin=None),
        "a foreign name": pressed(address, token, Host="evil.example"),
        "another site": pressed(address, token, **{"Sec-Fetch-Site": "cross-site"}),
        "looking without a token": pressed(address, None, body=None, method="GET"),
    }
    assert {why: status for why, (status, _) in refused.items()} == dict.fromkeys(refused, 403)
    assert "`tuner dashboard --act`" in refused["another token"][1]
    assert pressed(address, token, **{"Content-Type": "text/plain"})[0] == 415
    assert pressed(address, token, body=b"[1]")[0] == 400
    assert "there are stop, resume, confirm, extend" in pressed(address, token, body=b'{"action": "rm"}')[1]
    assert "must be a whole one" in pressed(address, token, body=b'{"action": "extend", "number": "1; rm"}')[1]
    assert pressed(address, token, body=None, method="GET")[0] == 200  # which runs nothing
    assert actor.under_way() == []


def page_of(address, token):
    with urllib.request.urlopen(f"{address}?token={token}", timeout=30) as answer:
        return answer.read().decode()


def test_a_dashboard_that_only_reads_has_no_buttons_and_refuses_to_act(ended, actor, address):
    assert '"act":"act.json"' in page_of(address, actor.token)
    assert '"act":"act.json"' not in page_of(address, "guessed")
    with served(ended.paths.root.parent) as reading:
        address = f"{reading}search/made-up/"
        assert '"act":"act.json"' not in page_of(address, actor.token)
        status, sentence = pressed(address, actor.token)
    assert (status, "only reads; start it with --act" in sentence) == (403, True)


def told(paths, head=None):
    return {action.name: action for action in actions(History.load(paths), paths, head)}


def test_each_button_says_its_command_or_why_it_cannot_act(tmp_path):
    experiment = finished(tmp_path)
    paths = experiment.paths
    found = told(paths)
    assert "not running (finished), so there is nothing to stop" in found["stop"].refused
    assert "has finished" in found["resume"].refused
    assert found["confirm"].with_number(2) == f"tuner confirm made-up --storage {tmp_path} --top 2"
    assert found["extend"].with_number(8) == f"tuner resume made-up --storage {tmp_path} --trials 12"
    assert found["confirm"].refused is found["extend"].refused is None
    with DriverLock(paths.lock):
        found = told(paths)
        assert found["stop"].refused is None
        assert found["stop"].command == f"tuner stop made-up --storage {tmp_path}"
        for name in ("resume", "confirm", "extend"):
            assert found[name].refused == "made-up is running; wait for it, or stop it first"
    Experiment(paths.root, folder="confirmation")
    with DriverLock(paths.confirmation.lock):
        found = told(paths)
        assert found["stop"].command == f"tuner stop confirmation --storage {paths.root}"
        assert "the confirmation of made-up is running" in found["extend"].refused


def test_on_a_head_what_trains_is_submitted_as_a_job_that_finds_the_data_of_the_search(tmp_path):
    command = "tuner launch blur --address auto --data='/shared/my data' --or-resume"
    found = told(finished(tmp_path, command=command).paths, "http://127.0.0.1:8265")
    there = f"--storage {tmp_path} --trials 6 --address http://127.0.0.1:8265 --data '/shared/my data'"
    assert found["extend"].with_number(2) == f"tuner resume made-up {there}"
    assert found["stop"].command == f"tuner stop made-up --storage {tmp_path}"


def test_what_was_launched_on_a_cluster_is_not_trained_on_the_machine_of_the_page(tmp_path):
    found = told(finished(tmp_path, command="tuner launch blur --address auto --or-resume").paths)
    assert "was launched on a cluster, and this would train here" in found["extend"].refused


def test_a_search_without_a_result_cannot_be_confirmed_and_goes_on_where_it_was_interrupted(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    experiment.train(0, around(0.5), to=1)
    found = told(experiment.paths)
    assert found["resume"].refused is None
    assert "no trial beside the baseline is valid" in found["confirm"].refused


@pytest.fixture(scope="module")
def page(chromium, actor, address):
    return Page(chromium, f"{address}?token={actor.token}")


def test_the_page_runs_the_command_it_shows_and_shows_what_that_prints(page, ended):
    page.open("act")
    page.wait(lambda: page.all("#act-buttons code"))
    assert not page.find("#act-stop").is_enabled()
    assert "nothing to stop" in page.text("#act-buttons")
    with DriverLock(ended.paths.lock):
        page.wait(lambda: page.run("return !document.getElementById('act-stop').disabled"))
        assert f"tuner stop made-up --storage {ended.paths.root.parent}" in page.text("#act-buttons")
        page.find("#act-stop").click()
        page.wait(lambda: "ends after the running epochs" in page.text("#act-runs pre"))
        page.wait(lambda: page.text("#act-runs h2") == "Done")
        assert ended.paths.stop_request.exists()
    assert page.text("#act-runs code") == f"tuner stop made-up --storage {ended.paths.root.parent}"
    assert page.log()[0] == []


def test_a_live_page_of_a_trial_has_its_log_and_checkpoints(page, ended, address):
    folder = ended.paths.trial(1)
    folder.mkdir(parents=True)
    (folder / "checkpoint_000009.pt").write_bytes(b"x" * 2_500_000)
    ended.paths.trial_log(1).write_text("epoch 9 <b>done</b>\n")
    page.run("location.hash = 'trial=1'")
    page.wait(lambda: page.all("#trial-files pre"))
    assert page.text("#trial-files pre") == "epoch 9 <b>done</b>"
    assert page.text("#trial-files li").startswith("checkpoint_000009.pt, 2.50 MB, 20")
    page.run("location.hash = 'trial=2'")
    page.wait(lambda: "It has no log." in page.text("#trial-files"))
    assert page.log()[0] == []
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(f"{address}trial.json?trial=../1", timeout=30)


def test_axe_has_nothing_against_the_buttons_and_a_log_in_either_theme(page, ended):
    ended.paths.trial(1).mkdir(parents=True, exist_ok=True)
    ended.paths.trial_log(1).write_text("epoch 9 <b>done</b>\n")
    page.run("location.hash = 'trial=1'")
    page.wait(lambda: page.all("#trial-files pre"))
    page.open("act")
    page.wait(lambda: page.all("#act-buttons code"))
    assert page.violations("trial", "act") == []


def test_one_command_runs_at_a_time_but_a_stop_is_never_kept_waiting(tmp_path, monkeypatch):
    from tuner.report import acting
    from tuner.report.refusal import Refusal

    experiment = finished(tmp_path)
    actor = Actor()
    monkeypatch.setattr(acting.child_process, "python", lambda *words: ["sleep", "30"])
    actor.start(experiment.paths, "extend", 4)
    with pytest.raises(Refusal, match="is still under way; one command at a time"):
        actor.start(experiment.paths, "confirm", 1)
    with DriverLock(experiment.paths.lock):
        shown = actor.start(experiment.paths, "stop", None)
    assert [run["code"] for run in shown["runs"]] == [None, None]
    for run in actor.under_way():
        run._process.kill()
    end = time.monotonic() + 30
    while actor.under_way() and time.monotonic() < end:
        time.sleep(0.01)
    assert json.loads(json.dumps(actor.told(experiment.paths)))["runs"][0]["code"] == -9
