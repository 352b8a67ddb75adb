"""The token: found where Ray finds it, made readable by its owner alone."""

import stat

import pytest

from tuner.errors import BadInput
from tuner.machines import auth_token


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_looked_for_in_rays_order(home, monkeypatch):
    assert auth_token.find() is None
    path, _ = auth_token.ensure()
    assert auth_token.find() == path.read_text()
    other = home / "other"
    other.write_text("from-a-file\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(other))
    assert auth_token.find() == "from-a-file"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "from-a-variable")
    assert auth_token.find() == "from-a-variable"
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert auth_token.find() is None


def test_it_is_made_once_and_for_its_owner_alone(home):
    path, made = auth_token.ensure()
    assert (made, mode(path), mode(path.parent)) == (True, 0o600, 0o700)
    assert len(path.read_text()) == 64
    path.chmod(0o644)
    assert auth_token.readable_by_others(path)
    before = path.read_text()
    assert auth_token.ensure() == (path, False)
    assert (path.read_text(), mode(path)) == (before, 0o600)


@pytest.mark.parametrize(("text", "said"), [(None, "cannot read the token file"), ("\n", "is empty")])
def test_a_file_that_was_named_and_holds_none_is_an_error(home, monkeypatch, text, said):
    path = home / "named"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path))
    with pytest.raises(BadInput, match=said):
        auth_token.find()
