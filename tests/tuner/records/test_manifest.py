"""The manifest says by which command an experiment was launched, and gives away nothing by it."""

import sys

from tuner.records import manifest


def test_the_command_is_kept_without_its_secrets(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/x/tuner", "launch", "blur", "--storage", "s3://key:hunter22@bucket/a b"])
    assert manifest.surroundings()["command"] == "tuner launch blur --storage 's3://***@bucket/a b'"
