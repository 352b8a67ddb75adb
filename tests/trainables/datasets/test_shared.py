"""A dataset that is put once for all machines is fetched once by each, whole and with the bytes that were put."""

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from tests.trainables.datasets.test_cifar import place
from trainables import datasets
from trainables.datasets import cifar, shared
from trainables.storage import S3Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node of its own, whose cache is empty."""
    monkeypatch.setenv("HOME", str(tmp_path / "node"))
    monkeypatch.delenv("TUNER_CACHE", raising=False)
    return tmp_path / "node"


@pytest.fixture(params=["folder", "s3"])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for all machines, of either kind."""
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/data"
    return str(tmp_path / "for all")


def files() -> list[str]:
    return cifar.FILES["cifar10"].paths


def on_a_node(monkeypatch: pytest.MonkeyPatch, there: str) -> None:
    """From here on this process is a node that takes its data from there."""
    monkeypatch.setenv("TUNER_DATA", there)


def test_what_is_put_is_fetched_into_the_cache_of_the_node_and_is_the_same(
    data_root: Path, home: Path, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("cifar10", data_root, monkeypatch)
    here = datasets.load("cifar10")
    said = datasets.put("cifar10", there)
    assert said == f"put cifar10 into {there}, 7 files of 0.6 MB"
    on_a_node(monkeypatch, there)
    assert datasets.data_root() == home / ".cache" / "tuner" / "data"
    fetched = datasets.load("cifar10")
    assert (fetched.fingerprint, fetched.train_images.shape) == (here.fingerprint, here.train_images.shape)
    assert {path.name for path in datasets.data_root().iterdir()} == {
        "cifar-10-batches-py",
        "decoded",
        ".fetching-cifar10.lock",
    }


def test_a_second_put_of_the_same_leaves_everything_and_another_place_gets_its_own(
    data_root: Path, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("cifar10", data_root, monkeypatch)
    datasets.put("cifar10", there)
    assert "is in" in datasets.put("cifar10", there)
    assert "already" in datasets.put("cifar10", there)


def _fetch(there: str, home: str, gate: object, found: object) -> None:
    os.environ |= {"TUNER_DATA": there, "HOME": home}
    gate.wait()
    found.put((os.getpid(), str(shared.provide("cifar10", files()))))


def test_processes_of_a_node_that_ask_at_once_fetch_once(
    data_root: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("cifar10", data_root, monkeypatch)
    there = tmp_path / "for all"
    datasets.put("cifar10", str(there))
    context = multiprocessing.get_context("fork")
    gate, found = context.Barrier(4), context.Queue()
    fetched = context.Value("i", 0)
    real = shared._fetch

    def counted(*arguments: object) -> int:
        with fetched.get_lock():
            fetched.value += 1
        return real(*arguments)

    monkeypatch.setattr(shared, "_fetch", counted)
    asking = [context.Process(target=_fetch, args=(str(there), str(home), gate, found)) for _ in range(4)]
    for process in asking:
        process.start()
    answers = [found.get(timeout=60) for _ in asking]
    for process in asking:
        process.join()
    assert len({root for _, root in answers}) == 1
    assert fetched.value == 1


def test_a_file_with_other_bytes_than_were_put_is_refused_and_nothing_of_it_is_kept(
    data_root: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("cifar10", data_root, monkeypatch)
    there = tmp_path / "for all"
    datasets.put("cifar10", str(there))
    torn = there / "cifar-10-batches-py" / "data_batch_3"
    torn.write_bytes(torn.read_bytes()[:-1])
    on_a_node(monkeypatch, str(there))
    with pytest.raises(
        datasets.DatasetError, match=r"data_batch_3 has another SHA-256 than cifar10.sha256.json says; put"
    ):
        datasets.load("cifar10")
    assert not (datasets.data_root() / "cifar-10-batches-py").exists()
    assert not (datasets.data_root() / ".fetching-cifar10").exists()
    monkeypatch.setenv("TUNER_DATA", str(data_root))
    datasets.put("cifar10", str(there))
    on_a_node(monkeypatch, str(there))
    assert datasets.check("cifar10").present


def test_a_fetch_that_was_killed_is_made_good(
    data_root: Path, home: Path, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("cifar10", data_root, monkeypatch)
    datasets.put("cifar10", there)
    on_a_node(monkeypatch, there)
    torn = datasets.data_root() / ".fetching-cifar10" / "cifar-10-batches-py" / "data_batch_1"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"the beginning of")
    half = datasets.data_root() / "cifar-10-batches-py" / "data_batch_2"
    half.parent.mkdir()
    half.write_bytes(b"")
    assert datasets.check("cifar10").present
    assert not torn.exists()


def test_a_place_that_lacks_the_dataset_names_the_command_that_puts_it(
    home: Path, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not there.startswith("s3"):
        Path(there).mkdir()
        (Path(there) / "cifar100.sha256.json").write_text("{}")
    on_a_node(monkeypatch, there)
    with pytest.raises(datasets.DatasetError, match=rf"nor in {there}; .* `tuner data put cifar10 --to {there}`"):
        datasets.load("cifar10")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"dataset": "cifar10", "files": {}}',
        '{"dataset": "cifar10", "files": {"../../escape": {"bytes": 1, "sha256": "' + "0" * 64 + '"}}}',
        '{"dataset": "cifar100", "files": null}',
    ],
)
def test_sums_that_do_not_describe_the_dataset_are_refused(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    there = tmp_path / "for all"
    there.mkdir()
    (there / "cifar10.sha256.json").write_text(text)
    on_a_node(monkeypatch, str(there))
    with pytest.raises(
        datasets.DatasetError, match=r"cifar10\.sha256\.json does not describe cifar10; remove it and run"
    ):
        datasets.load("cifar10")


def test_a_bucket_that_is_not_there_is_one_sentence(
    data_root: Path, home: Path, bucket: S3Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("cifar10", data_root, monkeypatch)
    with pytest.raises(datasets.DatasetError, match=r"cannot put cifar10 into s3://missing-bucket/x .*does not exist"):
        datasets.put("cifar10", "s3://missing-bucket/x")
    on_a_node(monkeypatch, "s3://missing-bucket/x")
    with pytest.raises(datasets.DatasetError, match=r"cifar10 cannot be fetched: .*does not exist"):
        datasets.load("cifar10")


@pytest.mark.parametrize("text", ["s3:/x", "S3://x", "s3://key:secret@bucket/x", "gs://bucket/x"])
def test_what_is_almost_an_address_is_refused_without_being_repeated(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    on_a_node(monkeypatch, text)
    with pytest.raises(datasets.DatasetError, match="the data folder") as refused:
        datasets.load("cifar10")
    assert "secret" not in str(refused.value)


def test_a_folder_without_sums_is_the_nodes_own_as_it_always_was(
    data_root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("cifar10", data_root, monkeypatch)
    assert datasets.data_root() == data_root
    datasets.load("cifar10")
    assert not home.exists()


def test_a_folder_in_which_the_files_lie_already_only_gets_their_sums(
    data_root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("cifar10", data_root, monkeypatch)
    before = (data_root / "cifar-10-batches-py" / "data_batch_1").stat().st_mtime_ns
    datasets.put("cifar10", str(data_root))
    assert (data_root / "cifar-10-batches-py" / "data_batch_1").stat().st_mtime_ns == before
    sums = json.loads((data_root / "cifar10.sha256.json").read_text())
    assert set(sums["files"]) == set(files())
    assert datasets.data_root() == home / ".cache" / "tuner" / "data"
    assert datasets.check("cifar10").present


def test_only_the_published_files_are_put_and_what_needs_none_is_told(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("cifar10", data_root, monkeypatch)
    (data_root / "cifar-10-batches-py" / "test_batch").write_bytes(b"x")
    with pytest.raises(datasets.DatasetError, match="is not the published file"):
        datasets.put("cifar10", str(tmp_path / "there"))
    with pytest.raises(datasets.DatasetError, match="digits is part of scikit-learn"):
        datasets.put("digits", str(tmp_path / "there"))
    with pytest.raises(datasets.DatasetError, match="folder:PATH is read where it lies"):
        datasets.put(f"folder:{tmp_path}", str(tmp_path / "there"))
    assert not (tmp_path / "there").exists()


def test_the_list_fetches_nothing_and_says_where_it_would(
    data_root: Path, home: Path, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("cifar10", data_root, monkeypatch)
    datasets.put("cifar10", there)
    on_a_node(monkeypatch, there)
    [found] = [info for info in datasets.available() if info.name == "cifar10"]
    assert found.problem is not None
    assert found.problem.endswith(f"if {there} has it, the first use fetches it")
    assert not home.exists()
    datasets.fetch("cifar10")
    [found] = [info for info in datasets.available() if info.name == "cifar10"]
    assert found.present


def test_a_place_travels_when_it_is_chosen_or_on_s3(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shared.travelling() is None
    monkeypatch.setenv("TUNER_DATA", "s3://bucket/data")
    assert shared.travelling() == "s3://bucket/data"
    shared.use(str(data_root))
    assert os.environ["TUNER_DATA"] == shared.travelling() == str(data_root)


def test_a_cache_that_cannot_be_written_is_one_sentence(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("cifar10", data_root, monkeypatch)
    datasets.put("cifar10", str(tmp_path / "there"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "file"))
    on_a_node(monkeypatch, str(tmp_path / "there"))
    with pytest.raises(datasets.DatasetError, match=r"cannot be kept in .*file \(.+\); set TUNER_CACHE to a folder"):
        datasets.load("cifar10")
