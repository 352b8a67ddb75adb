"""`tuner cluster check`: the shipped files pass, and whatever would go wrong with a file is found before it costs anything."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tuner import cli, cluster
from tuner.errors import BadInput

ROOT = Path(__file__).parents[4]
FILES = ("cluster.yaml", "deploy/on-premise.yaml", "deploy/kuberay.yaml")


@pytest.fixture(autouse=True)
def in_the_source_tree_with_a_token(monkeypatch, tmp_path):
    """As a user who has made the token: paths in a file are read from the working directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").touch(mode=0o600)
    monkeypatch.chdir(ROOT)


@pytest.fixture
def problems(tmp_path):
    """The problems of a shipped file, the first of its documents of a cluster changed by a function."""

    def check(change, file="cluster.yaml"):
        documents = list(yaml.safe_load_all((ROOT / file).read_text()))
        change(next(document for document in documents if document.get("kind") != "PersistentVolumeClaim"))
        path = tmp_path / "changed.yaml"
        # The launcher's own way: anchors written out, since a change of one node must not change the other.
        path.write_text(yaml.safe_dump_all(copy.deepcopy(documents)))
        return cluster.check(path)

    return check


def put(where, value):
    """A change that sets one value, by its keys separated by slashes; None removes it."""

    def change(config):
        *path, last = where.split("/")
        for key in path:
            config = config[int(key) if isinstance(config, list) else key]
        if value is None:
            del config[last]
        else:
            config[int(last) if isinstance(config, list) else last] = value

    return change


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_found_against_the_shipped_files(file):
    assert cluster.check(ROOT / file) == []


AWS = {
    "unknown key": (put("idle_timeout", 5), "'idle_timeout' was unexpected"),
    "no name": (put("cluster_name", None), "'cluster_name' is a required property"),
    "a text for a number": (
        put("available_node_types/gpu_worker/resources/GPU", "1"),
        "gpu_worker.resources.GPU: '1' is not",
    ),
    "head of no type": (put("head_node_type", "haed"), "`head_node_type` must be one of `available_node_types`"),
    "more than it may have": (put("available_node_types/gpu_worker/min_workers", 9), "smaller than the sum of"),
    "misspelt provider key": (
        put("provider/regin", "us-east-1"),
        "provider.regin is no setting .* did you mean `region`?",
    ),
    "foreign provider key": (put("provider/zzz", 1), "provider.zzz is no setting of the provider aws.* remove it"),
    "unknown provider": (put("provider/type", "asw"), "asw"),
    "missing mount": (put("file_mounts/~~1x", "/nowhere/x"), "file_mounts: /nowhere/x, .* does not exist here"),
    "missing ssh key": (
        put("auth/ssh_private_key", "/nowhere/key"),
        "auth.ssh_private_key: /nowhere/key does not exist",
    ),
    "no types": (put("available_node_types", None), "available_node_types is missing"),
    "trials on the head": (put("available_node_types/head/resources", {}), "available_node_types.head takes trials"),
    "impatient": (put("idle_timeout_minutes", 2), "idle_timeout_minutes is 2, shorter than"),
    "Ray's patience": (put("idle_timeout_minutes", None), "idle_timeout_minutes is missing, and Ray's default is 5"),
    "Ray's two nodes": (put("max_workers", None), "max_workers is missing, and Ray's default is 2"),
    "Ray's nightly wheel": (put("setup_commands", None), "setup_commands installs a nightly build of Ray"),
    "image of the day": (
        put("docker/image", "rayproject/ray:nightly-py311"),
        "docker.image is .* another image every day",
    ),
    "image without a tag": (put("docker/image", "localhost:5000/tuner"), "docker.image is .* another image every day"),
    "another Ray": (put("docker/image", "rayproject/ray:2.40.0-py311"), r"docker.image is .* runs on Ray 2\.60\."),
    "Ray's head": (put("head_start_ray_commands", None), "the dashboard listens on 0.0.0.0"),
    "Ray's workers": (
        put("worker_start_ray_commands", None),
        "worker_start_ray_commands: .* without token authentication",
    ),
    "authentication off": (
        put("head_start_ray_commands/1", "RAY_AUTH_MODE=disabled ray start --head"),
        "head_start_ray_commands: Ray starts without token authentication",
    ),
    "open dashboard": (
        put("head_start_ray_commands/1", "RAY_AUTH_MODE=token ray start --head --dashboard-host 10.0.0.1"),
        "the dashboard listens on 10.0.0.1",
    ),
    "no token": (put("file_mounts", {}), "file_mounts ships no token"),
    "a secret inside": (
        put("setup_commands/0", "export AWS_SECRET_ACCESS_KEY=hunter22"),
        r"setup_commands\[0\] holds a credential",
    ),
    "open ports": (
        put(
            "provider/security_group",
            {"IpPermissions": [{"FromPort": 0, "ToPort": 65535, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]},
        ),
        "opens the ports 0 to 65535 to everybody",
    ),
}
KUBERAY = {
    "no authentication": (put("spec/rayClusterSpec/authOptions", None), "authOptions.mode is not `token`"),
    "another Ray": (put("spec/rayClusterSpec/rayVersion", "2.40.0"), r"rayVersion is 2\.40\.0, but"),
    "no GPU": (
        put("spec/rayClusterSpec/workerGroupSpecs/0/template/spec/containers/0/resources/limits", {"cpu": 1}),
        "no container asks for a GPU",
    ),
    "a retry that fails": (put("spec/entrypoint", "tuner launch blur --address auto"), "add --or-resume"),
    "rented for ever": (put("spec/shutdownAfterJobFinishes", None), "shutdownAfterJobFinishes is not set"),
    "image of the day": (
        put("spec/rayClusterSpec/headGroupSpec/template/spec/containers/0/image", "rayproject/ray:latest"),
        "headGroupSpec image is rayproject/ray:latest",
    ),
}


@pytest.mark.parametrize("case", AWS)
def test_what_is_wrong_with_a_cluster_on_aws_is_found(problems, case):
    change, expected = AWS[case]
    found = problems(change)
    assert [text for text in found if re.search(expected, text)], found


@pytest.mark.parametrize("case", KUBERAY)
def test_what_is_wrong_with_a_rayjob_is_found(problems, case):
    change, expected = KUBERAY[case]
    found = problems(change, "deploy/kuberay.yaml")
    assert len(found) == 1
    assert re.search(expected, found[0]), found


def test_a_cluster_without_gpus_is_found(problems):
    def change(config):
        del config["available_node_types"]["gpu_worker"]

    assert any("no node type has a GPU" in text for text in problems(change))


def test_a_gpu_is_known_by_its_instance_too(problems):
    assert problems(put("available_node_types/gpu_worker/resources", {})) == []


def test_machines_of_ones_own_need_their_addresses(problems):
    found = problems(put("provider/head_ip", None), "deploy/on-premise.yaml")
    assert any("head_ip" in text for text in found), found


def test_everything_wrong_is_told_at_once(problems):
    def change(config):
        config["provider"]["regin"] = config["provider"].pop("region")
        config["idle_timeout_minutes"] = 1
        config["colour"] = "red"
        config["file_mounts"]["~/x"] = "/nowhere"
        config["worker_start_ray_commands"] = ["ray start --address=$RAY_HEAD_IP:6379"]

    assert len(problems(change)) == 5


WRONG_SHAPES = (
    "provider",
    "file_mounts",
    "auth",
    "docker",
    "available_node_types",
    "setup_commands",
    "head_start_ray_commands",
)


@pytest.mark.parametrize("key", WRONG_SHAPES)
@pytest.mark.parametrize("value", [3, [1]], ids=repr)
def test_a_part_of_another_shape_is_told_and_not_tripped_over(problems, key, value):
    found = problems(lambda config: config.__setitem__(key, value))
    assert found
    assert all(isinstance(text, str) and "\n" not in text for text in found)


def test_a_token_that_others_can_read_and_one_that_is_missing_are_found(problems, tmp_path):
    token = tmp_path / ".ray" / "auth_token"
    token.chmod(0o644)
    assert ["others on this machine can read the token" in text for text in problems(lambda config: None)] == [True]
    token.unlink()
    [missing] = problems(lambda config: None)
    assert "make it with `tuner cluster token`" in missing


def test_a_whole_checkout_is_not_to_be_mounted(problems, tmp_path):
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "checkout")], check=True)
    [found] = problems(put("file_mounts/~~1code", str(tmp_path / "checkout")))
    assert "is a whole checkout" in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "is not valid YAML"),
        ("- a\n", "holds no mapping"),
        ("kind: Secret\n", "neither a Ray cluster nor a RayJob"),
    ],
)
def test_a_file_that_is_no_cluster_file_is_refused(tmp_path, text, said):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=said):
        cluster.check(path)
    with pytest.raises(BadInput, match="cannot read"):
        cluster.check(tmp_path / "missing.yaml")


def test_the_command_tells_every_problem_and_leaves_with_2(monkeypatch, capsys, tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text((ROOT / "cluster.yaml").read_text().replace("region:", "regin:").replace("max_workers: 8 #", "#"))

    def run(file):
        monkeypatch.setattr(sys, "argv", ["tuner", "cluster", "check", str(file)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, capsys.readouterr()

    code, said = run(path)
    assert (code, len(said.err.splitlines()), said.out) == (2, 2, "")
    assert "provider.regin" in said.err
    assert "max_workers is missing" in said.err
    code, said = run("cluster.yaml")
    assert (code, said.out, said.err) == (0, "cluster.yaml: nothing found against it\n", "")
