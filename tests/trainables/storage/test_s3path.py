"""A key of a bucket behaves like a path, as far as an experiment needs one; against a real S3 server."""

import io
import socket

import pytest

from tests.conftest import SECRET
from trainables.storage import S3Path, StorageError, local_copy, probe, s3client
from trainables.storage.s3path import Conflict


def test_what_is_written_is_read_back_found_and_removed(bucket):
    path = bucket / "store/exp" / "manifest.json"
    assert not path.exists()
    path.write_bytes(b"one")
    assert path.exists()
    assert path.read_text() == "one"
    assert path.open("rb").read() == b"one"
    assert (path.name, path.parent, str(path)) == (
        "manifest.json",
        bucket / "store/exp",
        f"{bucket}/store/exp/manifest.json",
    )
    with local_copy(path) as copy:
        assert (copy.name, copy.read_bytes()) == ("manifest.json", b"one")
    path.unlink()
    path.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        path.read_bytes()
    with pytest.raises(FileNotFoundError):
        path.download(io.BytesIO())


def test_a_pattern_finds_children_and_grandchildren_over_many_pages(bucket, monkeypatch):
    for index in range(3):
        (bucket / f"store/e{index}/manifest.json").write_bytes(b"")
    (bucket / "store/unfinished/records/00000.jsonl").write_bytes(b"")
    found = [str(path) for path in (bucket / "store").glob("*/manifest.json")]
    assert found == [f"{bucket}/store/e{index}/manifest.json" for index in range(3)]
    assert [path.name for path in (bucket / "store").glob("e*")] == ["e0", "e1", "e2"]
    assert [path.name for path in (bucket / "store").glob("*/records/*")] == ["00000.jsonl"]
    assert list((bucket / "nowhere").glob("*")) == []
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "5")  # of a page
    for index in range(12):
        (bucket / f"many/{index:02d}").touch()
    assert [path.name for path in (bucket / "many").glob("*")] == [f"{index:02d}" for index in range(12)]


def test_a_replacement_needs_the_version_that_it_replaces(bucket):
    path = bucket / "lock"
    first = path.replace(b"one", None)
    with pytest.raises(Conflict):
        path.replace(b"other", None)
    second = path.replace(b"two", first)
    with pytest.raises(Conflict):
        path.replace(b"three", first)
    version = path.read_version()
    assert (version.data, version.tag) == (b"two", second)
    assert 0 <= version.age < 60
    path.unlink()
    with pytest.raises(Conflict):
        path.replace(b"four", second)


def test_a_large_object_goes_in_parts_and_comes_back_whole(bucket):
    data = bytes(range(256)) * 40_000  # 10 MB
    path = bucket / "checkpoint.pt"
    path.upload(io.BytesIO(data))
    back = io.BytesIO()
    path.download(back)
    assert back.getvalue() == data


def test_trying_a_place_leaves_nothing_there(bucket, tmp_path):
    probe(bucket / "store")
    assert list(bucket.glob("*")) == []
    probe(tmp_path / "not" / "there")
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_ignores_conditions_is_refused(bucket, monkeypatch):
    monkeypatch.setattr(S3Path, "replace", lambda path, data, tag: path.write_bytes(data))
    assert "ignores the condition of a write (If-None-Match)" in refusal(monkeypatch, bucket)
    assert list(bucket.glob("*")) == []


def refusal(monkeypatch, place, **variables):
    """The sentence that trying a place ends in, with these AWS variables; None takes one away."""
    for name, value in variables.items():
        monkeypatch.setenv(f"AWS_{name}", value) if value is not None else monkeypatch.delenv(f"AWS_{name}")
    s3client.client.cache_clear()
    with pytest.raises(StorageError) as caught:
        probe(place)
    said = str(caught.value)
    assert "\n" not in said
    assert SECRET not in said
    return said


def test_a_bucket_that_does_not_exist_is_named(bucket, monkeypatch):
    assert "the bucket `no-such-bucket` does not exist at http://127.0.0.1:" in refusal(
        monkeypatch, S3Path("no-such-bucket", "store")
    )
    with pytest.raises(StorageError, match="does not exist"):
        list(S3Path("no-such-bucket", "store").glob("*"))


def test_missing_credentials_are_asked_for(bucket, monkeypatch):
    said = refusal(monkeypatch, bucket, ACCESS_KEY_ID=None, SECRET_ACCESS_KEY=None)
    assert said.startswith(f"there are no AWS credentials for {bucket}")
    assert "set AWS_ACCESS_KEY_ID" in said


def test_an_endpoint_where_nobody_answers_is_named_without_its_password(bucket, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    said = refusal(monkeypatch, bucket, ENDPOINT_URL=f"http://me:{SECRET}@127.0.0.1:{port}")
    assert f"S3 does not answer at http://127.0.0.1:{port} " in said
    assert "check AWS_ENDPOINT_URL" in said


def test_an_endpoint_that_is_none_is_one_sentence_too(bucket, monkeypatch):
    assert "check the AWS variables" in refusal(monkeypatch, bucket, ENDPOINT_URL=f"nonsense {SECRET}")
