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
        last = last.replace("~1", "/") if last.startswith("nvidia") else last
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
    "image of the latest GPU build": (
        put("docker/image", "rayproject/ray-ml:latest-gpu"),
        "docker.image is .* another image every day",
    ),
    "another Ray": (put("docker/image", "rayproject/ray:2.40.0-py311"), r"docker.image is .* runs on Ray 2\.60\."),
    "another Ray by a digest": (
        put("docker/image", "rayproject/ray:2.40.0-py311@sha256:" + "0" * 64),
        r"docker.image is .* runs on Ray 2\.60\.",
    ),
    "another Ray at a node type": (
        put("available_node_types/gpu_worker/docker", {"worker_image": "rayproject/ray:2.9.0-gpu"}),
        r"^available_node_types.gpu_worker.docker.worker_image is .* runs on Ray 2\.60\.",
    ),
    "image of the day at a node type": (
        put("available_node_types/gpu_worker/docker", {"worker_image": "tuner:latest-py311"}),
        "^available_node_types.gpu_worker.docker.worker_image is .* another image every day",
    ),
    "a nightly wheel at a node type": (
        put("available_node_types/gpu_worker/worker_setup_commands", ["pip install ray-3.0.0.dev0-cp311.whl"]),
        "^available_node_types.gpu_worker.worker_setup_commands installs a nightly build",
    ),
    "missing public ssh key": (
        put("auth/ssh_public_key", "/nowhere/key.pub"),
        "auth.ssh_public_key: /nowhere/key.pub does",
    ),
    "a mount in the home of nobody": (
        put("file_mounts/~~1x", "~nobody-here/x"),
        "file_mounts: ~nobody-here/x, .* does not",
    ),
    "a number for a mount": (put("file_mounts/~~1x", 3), "^file_mounts.~~1x: 3 is not a text"),
    "every port": (
        put(
            "provider/security_group", {"IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}
        ),
        "opens every port to everybody",
    ),
    "rules that are a number": (
        put("provider/security_group", {"IpPermissions": [3]}),
        r"^provider.security_group.IpPermissions.0: 3 is not a mapping",
    ),
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


HOLES = {
    "backoffLimit": (put("spec/backoffLimit", "3"), "spec.backoffLimit: '3' is not a whole number"),
    "a mapping for the containers": (
        put("spec/rayClusterSpec/headGroupSpec/template/spec/containers", {"name": "head"}),
        "spec.rayClusterSpec.headGroupSpec.template.spec.containers: {'name': 'head'} is not a list",
    ),
    "a text for a container": (
        put("spec/rayClusterSpec/workerGroupSpecs/0/template/spec/containers/0", "sidecar"),
        "spec.rayClusterSpec.workerGroupSpecs.0.template.spec.containers.0: 'sidecar' is not a mapping",
    ),
    "a mapping for the groups": (
        put("spec/rayClusterSpec/workerGroupSpecs", {"gpu": {"replicas": 1}}),
        "spec.rayClusterSpec.workerGroupSpecs: {'gpu': {'replicas': 1}} is not a list",
    ),
    "a number for the version": (
        put("spec/rayClusterSpec/rayVersion", 2.60),
        "spec.rayClusterSpec.rayVersion: 2.6 is not",
    ),
    "a text for the spec": (put("spec", "x"), "spec: 'x' is not a mapping"),
    "no cluster": (put("spec/rayClusterSpec", None), "spec.rayClusterSpec is missing"),
    "no image": (
        put("spec/rayClusterSpec/headGroupSpec/template/spec/containers/0/image", None),
        "spec.rayClusterSpec.headGroupSpec image is missing",
    ),
    "no GPUs": (
        put("spec/rayClusterSpec/workerGroupSpecs/0/template/spec/containers/0/resources/limits/nvidia.com~1gpu", 0),
        "spec.rayClusterSpec.workerGroupSpecs: no container asks for a GPU",
    ),
    "no command": (put("spec/entrypoint", ""), "spec.entrypoint is missing"),
}


@pytest.mark.parametrize("case", HOLES)
def test_a_hole_in_a_rayjob_is_told_by_its_path_alone(problems, case):
    change, expected = HOLES[case]
    [found] = problems(change, "deploy/kuberay.yaml")
    assert found.startswith(expected)


@pytest.mark.parametrize("where", ["spec/backoffLimit", "spec/runtimeEnvYAML", "spec/rayClusterSpec/autoscalerOptions"])
def test_an_empty_field_of_a_rayjob_is_one_that_is_not_there(problems, where):
    def change(manifest):
        put(where, 0)(manifest)
        *path, last = where.split("/")
        for key in path:
            manifest = manifest[key]
        manifest[last] = None

    assert problems(change, "deploy/kuberay.yaml") == []


def test_a_rayjob_for_a_cluster_that_is_there_brings_none_of_its_own(problems):
    def change(manifest):
        for key in ("rayClusterSpec", "shutdownAfterJobFinishes", "backoffLimit"):
            del manifest["spec"][key]
        manifest["spec"]["clusterSelector"] = {"ray.io/cluster": "existing"}

    assert problems(change, "deploy/kuberay.yaml") == []


def test_an_image_pinned_by_its_digest_is_the_same_every_day(problems):
    assert problems(put("docker/image", "registry.example.com/tuner@sha256:" + "0" * 64)) == []


def test_docker_is_off_where_its_image_is_empty(problems):
    assert problems(put("docker", {"image": "", "container_name": ""})) == []


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
        ("", "is empty"),
        ("# nothing\n---\n---\n", "is empty"),
        ("kind: RayJob\n---\n3\n", "document 2 of .* holds no mapping"),
        (
            "cluster_name: a\nprovider: {type: aws}\n---\ncluster_name: b\n",
            "holds 2 YAML documents, but `ray up` reads",
        ),
        ("cluster_name: a\nprovider:\n\t type: aws\n", "is not valid YAML: line 3, column 1: found character"),
        ("a: 1\nb: \0\n", "is not valid YAML: line 2 holds a character"),
        ("a: 2026-13-45\n", "a value is not what it looks like"),
        ("a: !!python/object:os.system x\n", "is not valid YAML: line 1, column 4: could not determine a constructor"),
        ("cluster_name: &a [*a]\n", "an anchor that holds itself"),
        ("[" * 5000, "nests deeper"),
        (
            "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 12)),
            "means more than 100,000 values by its anchors",
        ),
        ("a: " + "x" * 1_000_001, "is larger than 1 MB"),
    ],
)
def test_a_file_that_is_no_cluster_file_is_refused(tmp_path, text, said):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=said):
        cluster.check(path)
    with pytest.raises(BadInput, match="cannot read"):
        cluster.check(tmp_path / "missing.yaml")


@pytest.mark.parametrize("data", [b"cluster_name: a\nx: \xff\n", "cluster_name: a\nx: é\n".encode("latin-1")])
def test_a_file_in_another_encoding_is_told_with_the_line(tmp_path, data):
    path = tmp_path / "file.yaml"
    path.write_bytes(data)
    with pytest.raises(BadInput, match="line 2 is not UTF-8 text; save it as UTF-8"):
        cluster.check(path)
    path.write_bytes("cluster_name: a\n".encode("utf-16"))
    with pytest.raises(BadInput, match="line 1 is not UTF-8 text"):
        cluster.check(path)


def test_the_mark_that_some_editors_put_before_a_file_is_no_part_of_it(tmp_path):
    path = tmp_path / "file.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + (ROOT / "cluster.yaml").read_bytes())
    assert cluster.check(path) == []


def test_a_folder_and_a_file_without_rights_are_told_in_words(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match=r"cannot read .* \(Is a directory\)"):
        cluster.check(tmp_path)

    def closed(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)  # the rights of root know no closed file
    with pytest.raises(BadInput, match=r"cannot read .* \(Permission denied\); give the path"):
        cluster.check(ROOT / "cluster.yaml")


def test_a_key_that_is_given_twice_is_told_with_both_lines(tmp_path):
    path = tmp_path / "file.yaml"
    text = (ROOT / "cluster.yaml").read_text()
    line = text.count("\n") + 1
    path.write_text(text + "max_workers: 3\n")
    [found] = cluster.check(path)
    assert re.search(rf"^max_workers is given twice, in the lines \d+ and {line}, .*; keep one$", found)
    path.write_text(text.replace("    resources: { CPU: 8, GPU: 1 }", "    resources: { CPU: 8, GPU: 1, CPU: 4 }"))
    [found] = cluster.check(path)
    assert found.startswith("available_node_types.gpu_worker.resources.CPU is given twice")


def test_a_key_that_is_no_text_and_a_number_beyond_all_are_told_by_their_path(problems):
    [found] = problems(lambda config: config["provider"].setdefault("tags", {}).__setitem__(True, "x"))
    assert found == "provider.tags.True: the key True is no text to YAML; put it in quotes"
    [found] = problems(put("max_workers", 10**30))
    assert found == "max_workers is a number larger than any setting; correct it"


def test_no_credential_of_the_file_is_shown_among_its_problems(problems):
    found = problems(put("setup_commands", "export AWS_SECRET_ACCESS_KEY=hunter22"))
    assert found
    assert "hunter22" not in "".join(found)


def test_a_mount_beside_the_file_is_found_from_anywhere_and_the_folder_for_ray_up_is_said(
    monkeypatch, capsys, tmp_path
):
    """Ray reads relative paths from where `ray up` runs; the file is right, only the place is another."""
    monkeypatch.chdir(tmp_path)
    assert cluster.check(ROOT / "cluster.yaml") == []
    monkeypatch.setattr(sys, "argv", ["tuner", "cluster", "check", str(ROOT / "cluster.yaml")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().out
    assert (ended.value.code or 0) == 0
    assert f"run `ray up` in {ROOT}, for it reads relative paths from where it runs: pyproject.toml" in said


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
