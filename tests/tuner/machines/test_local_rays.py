"""What `--address auto` may mean: RAY_ADDRESS, or the one Ray here that takes us and is nobody's own."""

import os
import subprocess
import sys

import pytest

from tuner.errors import BadInput, ClusterUnreachable
from tuner.machines import local_rays, ray_session


def test_a_private_ray_is_found_as_such_and_no_other_search_joins_it():
    code = (
        "import sys\n"
        "from tuner.machines.ray_session import connected\n"
        "with connected(None):\n"
        "    import ray\n"
        "    print('ADDRESS', ray.get_runtime_context().gcs_address, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    driver = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        address = next(line.split()[1] for line in driver.stdout if line.startswith("ADDRESS"))
        assert local_rays.find()[address] is True
        with pytest.raises(ClusterUnreachable, match="private to a running search"):
            local_rays.choose(lambda found: found == address)
        # Whoever names it is told in a few words that it is not his.
        refused = ray_session._refusal(address)
        assert refused is not None
        said = str(ray_session._unreachable(address, refused))
        assert "it asks for another token than ours" in said
        assert len(said) < 250
    finally:
        driver.stdin.close()
        driver.wait(timeout=60)


def test_the_shared_ray_of_these_tests_is_nobodys_own(cluster):
    assert local_rays.find()[cluster] is False
    assert local_rays.choose(lambda found: found == cluster) == cluster


def test_none_several_and_refusing_ones_are_one_sentence(monkeypatch):
    monkeypatch.setattr(local_rays, "find", dict)
    with pytest.raises(
        ClusterUnreachable, match=r"auto, but no Ray runs on this machine; start one with `ray start --head`"
    ):
        local_rays.choose(lambda found: True)
    monkeypatch.setattr(local_rays, "find", lambda: {"a:1": True, "b:1": False, "c:1": False})
    with pytest.raises(ClusterUnreachable, match=r"1 private to a running search and 2 that did not take our token"):
        local_rays.choose(lambda found: False)
    with pytest.raises(BadInput, match=r"2 Rays run on this machine \(b:1, c:1\); give the HOST:PORT of one"):
        local_rays.choose(lambda found: True)


def test_ray_address_is_what_auto_means_and_a_wrong_one_is_told_by_its_name(monkeypatch, no_ray):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ClusterUnreachable, match=r"answers at 127\.0\.0\.1:1 "), ray_session.connected("auto"):
        pass
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    with (
        pytest.raises(BadInput, match=r"RAY_ADDRESS is http://127\.0\.0\.1:8265, but must be"),
        ray_session.connected("auto"),
    ):
        pass
    for nothing in ("", "auto", "local"):
        monkeypatch.setenv("RAY_ADDRESS", nothing)
        assert local_rays.named() is None


@pytest.fixture
def no_ray(monkeypatch):
    """As in a process that is not connected yet, whatever other tests have done."""
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
