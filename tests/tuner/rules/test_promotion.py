"""Successive halving with promotion: decision by decision the published algorithm, also after a kill; forgeries are found."""

import dataclasses
import json
import math
import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tuner.experiments import made_up
from tests.tuner.rules.test_judge import decisions, endings, result
from tuner.records.lines import RecordWriter, read
from tuner.results.history import History
from tuner.rules.forecast import expected_trials
from tuner.rules.judge import Judge
from tuner.rules.rule import Rule, rule_of
from tuner.rules.rungs import Rungs
from tuner.rules.verify import contradictions

RULE = Rule("val_accuracy", "max", epochs=9, grace=1, reduction=3, name="promotion")


def published(values, reduction, mode, workers, draw, top):
    """Algorithm 2 of Li et al. 2020 for a finite list of configurations: the jobs (configuration, rung) in order of start.

    A job that is done is recorded in its rung; a free worker promotes from the highest rung that has a promotable one, and
    otherwise takes the next configuration.
    """
    done = [[] for _ in range(top)]  # rung -> (loss, its place in the order of arrival, configuration)
    promoted = [set() for _ in range(top)]
    new = iter(range(len(values)))
    running, started = [], []

    def get_job():
        for rung in reversed(range(top - 1)):
            best = sorted(done[rung])[: math.floor(len(done[rung]) / Fraction(reduction))]
            for loss, _, configuration in best:
                if configuration not in promoted[rung] and math.isfinite(loss):
                    promoted[rung].add(configuration)
                    return configuration, rung + 1
        configuration = next(new, None)
        return None if configuration is None else (configuration, 0)

    while True:
        while len(running) < workers and (job := get_job()) is not None:
            running.append(job)
            started.append(job)
        if not running:
            return started
        configuration, rung = running.pop(draw.randrange(len(running)))
        value = values[configuration][rung]
        loss = -value if mode == "max" else value
        done[rung].append((loss if math.isfinite(loss) else math.inf, len(done[rung]), configuration))


def ours(values, reduction, mode, workers, draw, top):
    """The same with the memory that a search decides by."""
    rungs = Rungs(Rule("m", mode, top, 1, reduction, name="promotion"), levels=range(top - 1), exempt=None)
    for trial in range(len(values)):
        rungs.announce(trial)
    new = iter(range(len(values)))
    running, started, queue = [], [], []

    def get_job():
        if queue:
            return queue.pop(0)
        trial = next(new, None)
        return None if trial is None else (trial, 0)

    while True:
        while len(running) < workers and (job := get_job()) is not None:
            running.append(job)
            started.append(job)
        if not running:
            assert set(rungs.hopeless()) == set(rungs.waiting)
            return started
        trial, rung = running.pop(draw.randrange(len(running)))
        if rung == top - 1:
            rungs.end(trial)
            continue
        told = rungs.place(trial, "", rung, values[trial][rung])
        assert len(told.released) + (told.action == "continue") <= 1
        queue += [(other, rung + 1) for other in (*told.released, *[trial] * (told.action == "continue"))]
        if told.action == "stop":
            rungs.end(trial)


_VALUE = st.one_of(st.integers(0, 12).map(lambda x: x / 12), st.just(math.nan), st.just(-math.inf))


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(_VALUE, _VALUE, _VALUE, _VALUE), max_size=40),
    st.sampled_from([1.5, 2, 2.5, 3, 4]),
    st.sampled_from(["max", "min"]),
    st.integers(1, 5),
    st.integers(0, 1000),
)
def test_every_job_is_that_of_the_published_algorithm_whatever_the_number_of_workers(
    values, reduction, mode, workers, seed
):
    theirs = published(values, reduction, mode, workers, random.Random(seed), 4)
    assert ours(values, reduction, mode, workers, random.Random(seed), 4) == theirs


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records.jsonl"


def judge_of(path, trials=10, rule=RULE, configs=None):
    """A judge of new trials."""
    writer = RecordWriter(path)
    writer.write(*({"event": "trial", "trial": i, "config": (configs or [{}] * trials)[i]} for i in range(trials)))
    return recalled(path, rule)


def recalled(path, rule=RULE):
    judge = Judge(rule, RecordWriter(path))
    judge.recall(list(read(path)))
    return judge


def promotions(path):
    return [record for record in read(path) if record["event"] == "promote"]


def test_a_trial_waits_until_enough_worse_ones_have_arrived(path):
    judge = judge_of(path)
    assert judge.observe(1, result(1, 0.5)) == "wait"
    assert judge.observe(2, result(1, 0.4)) == "wait"
    assert judge.observe(3, result(1, 0.3)) == "wait"
    assert judge.waiting == {2: 1, 3: 1}
    assert judge.promoted == {1: 1}
    assert [told["action"] for told in decisions(path)] == ["wait"] * 3
    assert decisions(path)[1]["reason"] == "rung 1: 0.4 is place 2 of 2; none goes on yet"
    [promotion] = promotions(path)
    assert (promotion["trial"], promotion["cutoff"], promotion["of"]) == (1, 0.5, 3)
    assert promotion["reason"] == "rung 1: 0.5 is place 1 of 3; the best one goes on"
    judge.begin(1)
    assert judge.promoted == {}
    assert judge.observe(1, result(2, 0.5)) == "continue"


def test_a_trial_that_is_among_the_best_on_arrival_goes_on_at_once(path):
    judge = judge_of(path)
    judge.observe(1, result(1, 0.5))
    judge.observe(2, result(1, 0.4))
    assert judge.observe(3, result(1, 0.6)) == "continue"
    assert promotions(path) == []
    assert decisions(path)[-1]["reason"] == "rung 1: 0.6 is place 1 of 3; the best one goes on"


def test_who_has_gone_on_stays_gone_on_and_of_equal_ones_the_first_goes_first(path):
    judge = judge_of(path)
    for trial in (1, 2, 3):
        judge.observe(trial, result(1, 0.5))
    assert judge.promoted == {1: 1}
    assert judge.observe(4, result(1, 0.9)) == "continue"  # the best of four, though another one had gone on
    assert judge.observe(5, result(1, 0.1)) == "wait"
    assert judge.observe(6, result(1, 0.1)) == "wait"
    assert judge.promoted == {1: 1}  # and those two are the best two of six


def test_the_baseline_never_waits_but_counts(path):
    judge = judge_of(path)
    assert judge.observe(0, result(1, 0.1)) == "continue"
    assert decisions(path)[0]["reason"] == "rung 1: 0.1 is place 1 of 1; none goes on yet, but the baseline never waits"
    judge.observe(1, result(1, 0.5))
    judge.observe(2, result(1, 0.4))
    assert judge.promoted == {1: 1}
    assert contradictions(RULE, read(path)) == []


def test_a_diverged_trial_ends_at_once_is_never_let_on_and_counts_as_the_worst(path):
    judge = judge_of(path)
    assert judge.observe(0, result(1, 0.9, ok=2)) == "stop"
    assert judge.observe(1, result(1, 0.9, ok=1)) == "stop"
    assert judge.observe(2, result(1, 0.1)) == "continue"
    assert {trial: end["status"] for trial, end in endings(path).items()} == {0: "diverged", 1: "diverged"}
    assert contradictions(RULE, read(path)) == []


def test_with_mode_min_the_smallest_go_on(path):
    rule = dataclasses.replace(RULE, mode="min")
    judge = judge_of(path, rule=rule)
    for trial, value in ((1, 0.9), (2, 0.2)):
        judge.observe(trial, result(1, value))
    assert judge.observe(3, result(1, 0.5)) == "wait"
    assert judge.promoted == {2: 1}
    assert contradictions(rule, read(path)) == []


def test_a_rank_window_ranks_by_the_running_median(path):
    rule = dataclasses.replace(RULE, grace=3, rank_window=3)
    judge = judge_of(path, rule=rule)
    for trial, curve in ((1, (0.6, 0.7, 0.1)), (2, (0.1, 0.2, 0.9)), (3, (0.1, 0.1, 0.5))):
        for epoch, value in enumerate(curve, start=1):
            told = judge.observe(trial, result(epoch, value))
        assert told == "wait"
    assert judge.promoted == {1: 3}  # 0.6, against 0.2 and 0.1
    assert promotions(path)[0]["reason"] == "rung 3: 0.6 (median of 3 epochs) is place 1 of 3; the best one goes on"
    assert contradictions(rule, read(path)) == []


def test_trials_wait_within_their_bracket_alone(path):
    rule = dataclasses.replace(RULE, bracket=("norm",))
    norms = ["bn", "bn", "nd", "nd", "nd", "bn", "bn"]
    judge = judge_of(path, 7, rule, [{"norm": norm} for norm in norms])
    for trial, value in ((2, 0.1), (1, 0.9), (3, 0.2), (5, 0.8)):
        assert judge.observe(trial, result(1, value)) == "wait"
    assert judge.observe(4, result(1, 0.3)) == "continue"
    assert decisions(path)[-1]["reason"] == "rung 1: 0.3 is place 1 of 3 with norm=nd; the best one goes on"
    judge.observe(6, result(1, 0.7))
    assert judge.promoted == {1: 1}
    assert contradictions(rule, read(path)) == []


def test_when_nothing_is_left_to_train_those_who_wait_are_stopped(path):
    judge = judge_of(path, 5)
    judge.observe(0, result(9, 0.9))
    for trial, value in ((1, 0.5), (2, 0.4), (3, 0.3)):
        judge.observe(trial, result(1, value))
    judge.begin(1)
    judge.observe(1, result(3, 0.5))
    assert endings(path).keys() == {0}  # trial 4 may still change everything
    judge.observe(4, result(1, 0.1))
    assert {trial: end["status"] for trial, end in endings(path).items() if trial} == dict.fromkeys(
        (1, 2, 3, 4), "stopped"
    )
    assert endings(path)[2]["reason"] == "rung 1: 0.4 stayed place 2 of 4, and nothing is left to train"
    assert endings(path)[1]["reason"] == "rung 3: 0.5 stayed place 1 of 1, and nothing is left to train"
    assert contradictions(RULE, read(path)) == []


def test_a_last_trial_that_fails_leaves_nobody_waiting(path):
    judge = judge_of(path, 3)
    judge.observe(0, result(9, 0.9))
    judge.observe(1, result(1, 0.5))
    judge.fail(2, "the worker was lost")
    assert {trial: end["status"] for trial, end in endings(path).items()} == {
        0: "completed",
        1: "stopped",
        2: "failed",
    }
    assert judge.ended == {0, 1, 2}


def play(path, seed, until=None, trials=14):
    """Drive a search with two workers from where its records end to its end, or to so many observations."""
    judge = recalled(path)
    running = [trial for trial in range(trials) if trial in judge.last_epoch and _is_at_work(judge, trial)]
    seen = 0
    while len(judge.ended) < trials and seen != until:
        while len(running) < 2 and (trial := _next(judge, running, trials)) is not None:
            judge.begin(trial)
            running.append(trial)
        trial = running[0]
        epoch = judge.last_epoch.get(trial, 0) + 1
        value = random.Random(f"{seed} {trial} {epoch}").random()
        told = judge.observe(trial, result(epoch, value, ok=2 if value > 0.97 else 5))
        running = running[1:] + [trial] * (told == "continue")
        seen += 1


def _is_at_work(judge, trial):
    return not (trial in judge.waiting or trial in judge.promoted or trial in judge.ended)


def _next(judge, running, trials):
    promoted = sorted(judge.promoted, key=lambda trial: -judge.promoted[trial])
    new = [trial for trial in range(trials) if trial not in judge.last_epoch and trial not in running]
    return next(iter([*promoted, *new]), None)


def said(path):
    return [
        {key: value for key, value in record.items() if key != "time"}
        for record in read(path)
        if record["event"] in ("decision", "promote", "end")
    ]


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_after_any_record_changes_no_decision_that_was_made_and_the_rest_follows(tmp_path, seed):
    whole = tmp_path / "whole.jsonl"
    judge_of(whole, 14)
    play(whole, seed)
    assert contradictions(RULE, read(whole)) == []
    lines = whole.read_bytes().splitlines(keepends=True)
    for kept in range(14, len(lines)):
        path = tmp_path / f"{kept}.jsonl"
        path.write_bytes(b"".join(lines[:kept]) + lines[kept][:7])
        before = said(path)
        judge = recalled(path)
        at_once = said(path)
        assert at_once[: len(before)] == before
        assert at_once == said(whole)[: len(at_once)]
        # Nothing that follows from what is recorded is missing now.
        again = recalled(path)
        assert (again.waiting, again.promoted, again.ended) == (judge.waiting, judge.promoted, judge.ended)
        assert said(path) == at_once
        play(path, seed)
        assert contradictions(RULE, read(path)) == []
        assert len(endings(path)) == 14


def test_with_one_worker_a_search_killed_after_any_record_ends_as_one_that_never_was(tmp_path):
    whole = tmp_path / "whole.jsonl"
    judge_of(whole, 12)
    alone(whole)
    lines = whole.read_bytes().splitlines(keepends=True)
    for kept in range(12, len(lines)):
        path = tmp_path / f"{kept}.jsonl"
        path.write_bytes(b"".join(lines[:kept]))
        alone(path)
        assert said(path) == said(whole)


def alone(path, trials=12):
    """A search with one worker, from where its records end to its end."""
    judge = recalled(path)
    under_way = [trial for trial in range(trials) if trial in judge.last_epoch and _is_at_work(judge, trial)]
    while len(judge.ended) < trials:
        trial = under_way.pop() if under_way else _next(judge, [], trials)
        judge.begin(trial)
        told = "continue"
        while told == "continue":
            epoch = judge.last_epoch.get(trial, 0) + 1
            told = judge.observe(trial, result(epoch, random.Random(f"{trial} {epoch}").random()))


def played(tmp_path):
    path = tmp_path / "records.jsonl"
    judge_of(path, 14)
    play(path, 0)
    return list(read(path))


def forged(records, event, **change):
    """The records with one of this event changed, the first that has an effect to change."""
    found = [dict(record) for record in records]
    one = next(record for record in found if record["event"] == event and record.get("action", "wait") == "wait")
    one.update(change)
    return found, one["trial"]


def test_a_decision_that_does_not_follow_is_found(tmp_path):
    records, trial = forged(played(tmp_path), "decision", action="continue")
    assert f"trial {trial} at rung 1: recorded continue" in contradictions(RULE, records)[0]


def test_a_promotion_that_was_left_out_is_found(tmp_path):
    records = played(tmp_path)
    left_out = next(record for record in records if record["event"] == "promote")
    found = contradictions(RULE, [record for record in records if record is not left_out])
    assert f"trial {left_out['trial']} at rung 1: the rule lets it go on, but no record says so" in found


def test_a_promotion_that_nothing_led_to_is_found(tmp_path):
    records = played(tmp_path)
    at = next(i for i, record in enumerate(records) if record.get("action") == "wait")
    made_up = {**records[at], "event": "promote"}
    found = contradictions(RULE, [*records[: at + 1], made_up, *records[at + 1 :]])
    assert f"trial {made_up['trial']} at rung 1: recorded that it goes on" in found[0]


def test_a_promotion_by_another_cutoff_is_found(tmp_path):
    records, trial = forged(played(tmp_path), "promote", cutoff=0.123)
    [sentence] = contradictions(RULE, records)
    assert f"trial {trial} at rung 1: recorded that it goes on, with cutoff 0.123" in sentence


def test_an_epoch_of_a_trial_that_waits_is_found(tmp_path):
    records = played(tmp_path)
    at = next(i for i, record in enumerate(records) if record.get("action") == "wait")
    trial = records[at]["trial"]
    epoch = next(record for record in records if record["event"] == "epoch" and record["trial"] == trial)
    found = contradictions(RULE, [*records[: at + 1], {**epoch, "epoch": 2}, *records[at + 1 :]])
    assert f"trial {trial} waits at rung 1, but epoch 2 of it is recorded" in found


def test_a_trial_stopped_while_it_might_still_go_on_is_found(tmp_path):
    records = played(tmp_path)
    at = next(i for i, record in enumerate(records) if record.get("action") == "wait")
    end = {"event": "end", "trial": records[at]["trial"], "status": "stopped", "epoch": 1, "reason": ""}
    found = contradictions(RULE, [*records[: at + 1], end, *records[at + 1 :]])
    assert f"trial {end['trial']} at rung 1: recorded as stopped, but the rule lets it wait" in found


def test_a_stopped_trial_is_ended_on_recall_when_the_kill_came_before_its_end(tmp_path):
    path = tmp_path / "records.jsonl"
    rule = dataclasses.replace(RULE, name="asha")
    judge = judge_of(path, 4, rule)
    judge.observe(1, result(1, 0.9))
    assert judge.observe(2, result(1, 0.1)) == "stop"
    lines = path.read_bytes().splitlines(keepends=True)
    assert json.loads(lines[-1])["event"] == "end"
    path.write_bytes(b"".join(lines[:-1]))
    assert recalled(path, rule).ended == {2}
    assert endings(path)[2]["status"] == "stopped"


def test_an_experiment_from_before_the_choice_goes_by_asha():
    assert rule_of(made_up()).name == "asha"
    budget = {"epochs": 9, "grace": 1, "reduction": 3, "trials": 4, "replicates": 5, "rule": "promotion"}
    assert rule_of(made_up(budget=budget)).name == "promotion"


def test_the_forecast_is_what_promotion_lets_through():
    reached = expected_trials(81, 4, 3, baseline=False, rule="promotion")
    assert reached[0] == 81
    assert 27 <= reached[1] < 34  # a third, and those that were among the best until better ones came
    assert expected_trials(2, 2, 3, baseline=False, rule="promotion") == [2, 0]
    assert expected_trials(2, 2, 3, rule="promotion") == [2, 1]


def test_history_knows_who_waits_and_since_when_it_goes_on(tmp_path):
    history = History(made_up(), name="made-up", live=True)
    path = tmp_path / "records.jsonl"
    writer = RecordWriter(path, history.apply)
    writer.write(*({"event": "trial", "trial": i, "baseline": i == 0, "config": {}} for i in range(4)))
    judge = Judge(RULE, writer)
    judge.recall(list(read(path)))
    for trial, value in ((1, 0.5), (2, 0.4)):
        judge.begin(trial)
        judge.observe(trial, result(1, value))
    assert [trial.standing for trial in history.trials] == [
        "pending",
        "waiting at rung 1",
        "waiting at rung 1",
        "pending",
    ]
    assert history.counts()["waiting"] == 2
    judge.begin(3)
    judge.observe(3, result(1, 0.3))
    assert [told["action"] for told in history.trial(1).decisions] == ["wait", "promote"]
    assert history.trial(1).reason == "rung 1: 0.5 is place 1 of 3; the best one goes on"
    judge.begin(1)
    assert history.trial(1).status == "running"
