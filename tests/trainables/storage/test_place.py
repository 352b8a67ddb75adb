"""What the text of a storage means, and which almost-addresses are refused."""

from pathlib import Path

import pytest

from trainables.storage import S3Path, place


def test_an_address_is_a_bucket_and_a_prefix_and_anything_else_a_folder():
    assert place("s3://my-bucket/results/blur/") == S3Path("my-bucket", "results/blur")
    assert place("s3://my-bucket") == S3Path("my-bucket")
    assert str(place("s3://my-bucket/results//blur")) == "s3://my-bucket/results/blur"
    assert place("results/s3") == Path("results/s3")
    assert place("/data/a:b") == Path("/data/a:b")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("s3:/bucket/x", "begins with s3:/, but must be a folder or s3://BUCKET/PREFIX"),
        ("s3:bucket/x", "begins with s3:, but must be a folder or s3://BUCKET/PREFIX"),
        ("S3://bucket/x", "begins with S3:/, but must be"),
        ("gs://bucket/x", "begins with gs:/, but must be"),
        ("s3:///x", "the bucket of the storage is ``"),
        ("s3://My_Bucket/x", "the bucket of the storage is `My_Bucket`"),
        ("s3://bucket/../x", "a prefix has no `.` or `..`"),
        ("s3://key:secret@bucket/x", "holds `@` or `?`"),
        ("s3://bucket/x?endpoint_override=secret", "holds `@` or `?`"),
        ("s3:/key:secret@bucket", "begins with s3:/"),
    ],
)
def test_what_is_almost_an_address_is_refused_without_repeating_a_secret(text, sentence):
    with pytest.raises(ValueError, match="storage") as caught:
        place(text)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)
