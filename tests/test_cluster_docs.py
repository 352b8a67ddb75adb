"""The way from an empty account to a running search: every command of docs/cluster.md, as far as a machine alone can go.

`tuner` and `ray` commands must exist with their options, the AWS ones are carried out on a stand-in for AWS (moto), and on
what they leave there Ray's own code starts both kinds of node of cluster.yaml.
"""

import importlib.metadata
import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.test_docs import commands, options_of

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "cluster.md").read_text()
FILES = ("cluster.yaml", "deploy/on-premise.yaml", "deploy/kuberay.yaml", "deploy/Dockerfile")


def lines(text, program):
    """The commands of a program in the code blocks of a page, or in the comments of a file, as words."""
    found = re.findall(rf"^(?:#? *)({program} [a-z].*?)(?:  .*| *#.*)?$", text, re.MULTILINE)
    return [shlex.split(line) for line in found]


TUNER = [*commands(PAGE), *(words for name in FILES for words in lines((ROOT / name).read_text(), "tuner"))]


@pytest.mark.parametrize("words", TUNER, ids=" ".join)
def test_a_tuner_command_exists_with_its_options(words):
    assert {word for word in words if word.startswith("--")} <= options_of(words)


def test_every_verb_that_reaches_a_cluster_is_shown():
    shown = {words[1] for words in TUNER if "--address" in words}
    assert shown >= {"launch", "logs", "status", "results", "show", "stop", "resume", "confirm", "dashboard", "doctor"}


@pytest.mark.parametrize("name", ["docs/cluster.md", *FILES])
def test_a_ray_command_exists_with_its_options(name):
    from ray.scripts.scripts import cli

    text = (ROOT / name).read_text()
    found = lines(text, "ray")
    # And those that the nodes run.
    if name.endswith(".yaml") and "kuberay" not in name:
        config = yaml.safe_load(text)
        starts = config["head_start_ray_commands"] + config["worker_start_ray_commands"]
        found += [
            shlex.split("ray " + part) for start in starts for part in re.findall(r"\bray ((?:start|stop).*)", start)
        ]
        assert len(found) >= 6
    for words in found:
        command = cli.commands[words[1]]
        known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
        assert {word.split("=")[0] for word in words if word.startswith("-")} <= known, words
        if words[1] in ("up", "down", "dashboard"):
            assert (ROOT / words[2]).is_file()


def test_files_that_are_named_exist():
    named = set(re.findall(r"(?:deploy/[\w./-]+\w|cluster\.yaml|SECURITY\.md)", PAGE))
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_images_hold_the_pinned_ray_and_the_image_holds_the_packages():
    from tuner.cluster.package import PACKAGES

    version = importlib.metadata.version("ray")
    assert f"\nray=={version}\n" in (ROOT / "constraints.txt").read_text()
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert set(re.findall(r"^FROM rayproject/ray:(\S+?)-", dockerfile, re.MULTILINE)) == {version}
    copied = set(re.findall(r"/home/ray/source/(\w+)$", dockerfile, re.MULTILINE))
    assert copied == set(PACKAGES)
    assert yaml.safe_load((ROOT / "cluster.yaml").read_text())["docker"]["image"].startswith(
        f"rayproject/ray:{version}-"
    )


# Of these only the options are checked: the stand-in has no quotas, and loading AWS's own policies takes it very long.
UNKNOWN_TO_THE_STAND_IN = ("request-service-quota-increase", "attach-role-policy")


@pytest.fixture
def aws(monkeypatch, tmp_path):
    """A stand-in for an empty AWS account, in this process."""
    moto = pytest.importorskip("moto")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.setenv("HOME", str(tmp_path))  # Ray writes the key pair there
    for name in ("AWS_CA_BUNDLE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(ROOT)
    with moto.mock_aws():
        yield


def carry_out(words):
    """An `aws SERVICE COMMAND --option value ...` line, checked against the service's own description and sent to it."""
    import boto3
    from botocore import xform_name

    _, service, operation, *rest = words
    client = boto3.client(service.removesuffix("api"))
    shape = client.meta.service_model.operation_model(
        next(name for name in client.meta.service_model.operation_names if xform_name(name, "-") == operation)
    ).input_shape
    members = {xform_name(name, "-"): (name, member) for name, member in shape.members.items()}
    arguments = {}
    for option, value in zip(rest[::2], rest[1::2], strict=True):
        if option == "--region":
            continue
        name, member = members[option.removeprefix("--")]
        if value.startswith("file://"):
            value = Path(value.removeprefix("file://")).read_text()
        if member.type_name == "structure":
            value = dict(part.split("=") for part in value.split(","))
        arguments[name] = float(value) if member.type_name == "double" else value
    return client, operation, arguments


@pytest.mark.slow
def test_from_the_empty_account_to_nodes_that_ray_starts(aws):
    import boto3
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler._private.util import prepare_config

    done = []
    for words in lines(PAGE.replace("BUCKET", "a-bucket"), "aws"):
        client, operation, arguments = carry_out(words)
        if operation not in UNKNOWN_TO_THE_STAND_IN:
            getattr(client, operation.replace("-", "_"))(**arguments)
        done.append(operation)
    assert len(done) == 12

    config = bootstrap_aws(prepare_config(yaml.safe_load((ROOT / "cluster.yaml").read_text())))
    provider = AWSNodeProvider(config["provider"], config["cluster_name"])
    for kind, settings in config["available_node_types"].items():
        tags = {"ray-node-type": "worker", "ray-user-node-type": kind, "ray-node-name": kind}
        provider.create_node(settings["node_config"], tags, 1)
    found = {}
    for reservation in boto3.client("ec2").describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            name = next(tag["Value"] for tag in instance["Tags"] if tag["Key"] == "ray-user-node-type")
            found[name] = (instance["InstanceType"], instance["IamInstanceProfile"]["Arn"].rpartition("/")[2])
    assert found == {"head": ("m6i.xlarge", "tuner-head"), "gpu_worker": ("g5.2xlarge", "tuner-worker")}
