"""The home folder, also where there is none, and paths that cannot be used."""

import os
import pwd
import re
from pathlib import Path

import pytest

from trainables.storage import home


@pytest.fixture
def without_a_name(monkeypatch):
    """A process under a number that the machine has no user for."""

    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)


def test_who_has_no_home_gets_a_folder_for_caches_and_a_name(without_a_name):
    import getpass

    home.settle()
    assert Path.home() == home.stand_in()
    assert getpass.getuser() == f"uid{os.getuid()}"
    assert home.found() is None


@pytest.mark.parametrize("value", ["", "relative/home"])
def test_a_home_that_is_no_path_is_what_the_list_of_users_says(monkeypatch, value):
    monkeypatch.setenv("HOME", value)
    home.settle()
    assert os.environ["HOME"] == pwd.getpwuid(os.getuid()).pw_dir


def test_a_home_that_is_given_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    home.settle()
    assert home.found() == tmp_path
    assert home.expanded("~/x") == tmp_path / "x"


def test_a_path_that_cannot_be_used_is_one_sentence(without_a_name, tmp_path):
    with pytest.raises(
        home.UnusablePath, match=r"the path is ~/x, but this user has no home folder; write the path out"
    ):
        home.expanded("~/x")
    with pytest.raises(home.UnusablePath, match="this machine knows no user `nobody-here`"):
        home.expanded("~nobody-here/x")
    strange = re.escape(repr(os.fsencode(tmp_path) + b"/\xff"))
    with pytest.raises(home.UnusablePath, match=f"the path is {strange}, which is not UTF-8"):
        home.absolute(tmp_path / "\udcff")
