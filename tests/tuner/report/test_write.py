"""Writing a report: one file that may not reach the network, and mistakes that end in one sentence."""

import json
import re

import pytest

from tests.tuner.experiments import Experiment, finished
from tuner import load, report
from tuner.errors import BadInput
from tuner.report.page import as_script


def test_a_path_and_a_loaded_experiment_give_the_same_page(tmp_path):
    paths = finished(tmp_path).paths
    given = (paths.root, str(paths.root), paths, load(paths.root))
    pages = [report.write(one, tmp_path / f"{i}.html").read_text() for i, one in enumerate(given)]
    same = {re.sub(r'"written":"[^"]*"', "", page) for page in pages}
    assert len(same) == 1


def test_the_page_forbids_the_network_and_every_script_that_is_not_its_own(tmp_path):
    html = report.write(finished(tmp_path).paths.root, tmp_path / "report.html").read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html).group(1).replace("&#39;", "'")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["connect-src"] == "'none'"
    assert "unsafe" not in rules["script-src"]
    assert re.fullmatch(r"'sha256-\S+' 'sha256-\S+'", rules["script-src"])
    markup = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    assert re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', markup) == []


def test_the_verdict_stands_in_the_page_before_and_without_any_script(tmp_path):
    html = report.write(finished(tmp_path).paths.root, tmp_path / "report.html").read_text()
    before, script, _ = html.partition("<script")
    assert script
    assert "Trial 1 wins with a median val_accuracy of 0.9000, 0.1000 above the baseline" in before
    assert "5 of 5 paired seeds favour it over the baseline" in before


@pytest.mark.parametrize("text", ["</script>", "<!--", "]]>", "a\u2028b", "&lt;"])
def test_data_in_the_page_cannot_end_its_script_element_and_comes_back_as_it_was(text):
    written = as_script({"note": text})
    assert json.loads(written) == {"note": text}
    assert not set("<>&\u2028\u2029") & set(written)


def test_an_output_that_cannot_be_written_is_named_and_nothing_is_left_behind(tmp_path):
    root = finished(tmp_path).paths.root
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "file" / "report.html", tmp_path / "folder"):
        with pytest.raises(BadInput, match=f"cannot write {target}"):
            report.write(root, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "made-up"]


def test_a_torn_last_line_is_left_out_and_a_corrupt_middle_line_is_named(tmp_path):
    experiment = finished(tmp_path)
    lines = len(experiment.paths.records.read_text().splitlines())
    experiment.append('{"event": "epo')
    report.write(experiment.paths.root, tmp_path / "report.html")
    experiment.append("ch\n" + json.dumps({"event": "session", "time": 1, "action": "end", "outcome": "x"}) + "\n")
    with pytest.raises(BadInput, match=f"line {lines + 1} of .* is not a record"):
        report.write(experiment.paths.root, tmp_path / "report.html")


def test_numbers_that_are_not_finite_are_null_on_the_page(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    experiment.train(0, [None] * 5, to=1)
    html = report.write(experiment.paths.root, tmp_path / "report.html").read_text()
    content = json.loads(re.search(r'id="content">(.*?)</script>', html).group(1))
    assert content["curves"][0]["trials"]["0"] == {"epochs": [1], "medians": [None], "lows": [None], "highs": [None]}
    assert content["trials"]["rows"][0]["median"] is None
