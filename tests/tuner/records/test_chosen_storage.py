"""Which storage is meant: --storage, then TUNER_STORAGE, then the project's tuner.toml, then the default."""

import pytest

from tests.tuner.experiments import finished
from tuner.errors import BadInput
from tuner.records import paths
from tuner.records.paths import ExperimentPaths


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A project folder with a working directory deep inside."""
    (tmp_path / "project" / "src").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "src")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "project"


def test_the_order_is_option_variable_project_default(project, monkeypatch, tmp_path):
    assert paths.storage_root(None) == tmp_path / "home" / "ray_results"
    (project / "tuner.toml").write_text('storage = "runs"\n')
    assert paths.storage_root(None) == project / "runs"
    monkeypatch.setenv("TUNER_STORAGE", "/elsewhere")
    assert str(paths.storage_root(None)) == "/elsewhere"
    assert str(paths.storage_root("/given")) == "/given"
    monkeypatch.setenv("TUNER_STORAGE", " ")
    assert paths.storage_root(None) == project / "runs"


def test_the_nearest_file_counts_and_may_name_a_bucket_or_a_home(project, tmp_path):
    (project / "tuner.toml").write_text('storage = "s3://bucket/x"\n')
    assert str(paths.storage_root(None)) == "s3://bucket/x"
    (project / "src" / "tuner.toml").write_text('storage = "~/mine"\n')
    assert paths.storage_root(None) == tmp_path / "home" / "mine"
    (project / "src" / "tuner.toml").write_text("# nothing yet\n")
    assert paths.storage_root(None) == tmp_path / "home" / "ray_results"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("storage = ", "is not TOML"),
        ("storage = 3", "is 3, but must be a folder or"),
        ("storage = ' '", "is ' ', but must be a folder or"),
        ("storge = 'x'", "`storge` in .*tuner.toml is not known.*did you mean `storage`"),
        ("[tool]\nx = 1", "`tool` in .*tuner.toml is not known, but only storage; remove it"),
        ("storage = 's3:/bucket/x'", "tuner.toml names the storage, and the storage begins with s3:/"),
        ("storage = 'gs://bucket'", "tuner.toml names the storage, and the storage begins with gs:/"),
    ],
)
def test_a_file_that_says_no_storage_is_refused_in_a_sentence(project, content, sentence):
    (project / "tuner.toml").write_text(content)
    with pytest.raises(BadInput, match=sentence):
        paths.storage_root(None)


def test_bytes_that_are_no_text_are_refused(project):
    (project / "tuner.toml").write_bytes(b"storage = '\xff'")
    with pytest.raises(BadInput, match="is not TOML"):
        paths.storage_root(None)


def test_a_printed_command_names_its_storage_unless_no_word_means_the_same_everywhere(project, monkeypatch, tmp_path):
    default = ExperimentPaths(tmp_path / "home" / "ray_results" / "a")
    mine = ExperimentPaths(project / "my runs" / "a")
    assert default.command("resume") == "tuner resume a"
    assert mine.command("resume") == f"tuner resume a --storage '{project}/my runs'"
    monkeypatch.setenv("TUNER_STORAGE", str(project / "my runs"))
    assert mine.command("resume") == f"tuner resume a --storage '{project}/my runs'"
    assert default.command("resume") == f"tuner resume a --storage {tmp_path}/home/ray_results"


def test_a_name_that_is_not_there_says_where_was_looked_and_what_is_there(project, monkeypatch):
    monkeypatch.setenv("TUNER_STORAGE", str(project / "runs"))
    with pytest.raises(
        BadInput, match=r"`a` in .*runs \(by TUNER_STORAGE\); there is no such folder, so give the right"
    ):
        paths.experiment("a")
    (project / "runs").mkdir()
    with pytest.raises(BadInput, match=r"by TUNER_STORAGE\); there is none at all, so give the --storage where it is"):
        paths.experiment("a")
    finished(project / "runs")
    with pytest.raises(BadInput, match=r"by TUNER_STORAGE\); did you mean `made-up`\? There is made-up$"):
        paths.experiment("made-down")
    with pytest.raises(BadInput, match=r"runs; there is made-up$"):
        paths.experiment("x", project / "runs")
