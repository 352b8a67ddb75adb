"""The log of a trial is readable where the trial is stored, and a storage that fails costs lines, never the trial."""

import logging

import pytest

from tests.conftest import SECRET
from trainables.storage import S3Path
from trainables.trial.log import TrialLog


@pytest.fixture(params=["disk", "s3"])
def directory(request, tmp_path):
    return request.getfixturevalue("bucket") / "trial" if request.param == "s3" else tmp_path / "trial"


@pytest.fixture
def logger():
    return logging.getLogger("tests.trial_log")


def test_lines_of_several_workers_follow_each_other_without_secrets(directory, logger):
    for worker in ("first", "second"):
        log = TrialLog(directory, logger)
        logger.info("%s worker", worker)
        log.send()
        logger.warning("the key is %s", SECRET)
        log.close()
    logger.info("nobody's")
    lines = (directory / "log.txt").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == [
        "INFO first worker",
        "WARNING the key is ***",
        "INFO second worker",
        "WARNING the key is ***",
    ]


def test_a_storage_that_fails_costs_lines_only(logger, tmp_path):
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "file" / "trial", S3Path("no-such-bucket", "trial")):
        log = TrialLog(directory, logger)
        logger.info("lost")
        log.send()
        log.close()
