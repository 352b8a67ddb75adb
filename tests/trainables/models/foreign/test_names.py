"""Checkpoints in the key layout of each original load to equal outputs; what leaves a doubt is refused."""

import itertools
import re

import pytest
import torch
import torchvision

from trainables import families
from trainables.family import Shape
from trainables.models import cifar, imagenet, imagenet_deconv
from trainables.models.alexnet_cifar import alexnet_cifar
from trainables.models.bn.resnet import BNResNet
from trainables.models.foreign.weights import load_weights
from trainables.models.normalised.resnet_imagenet import resnet_imagenet
from trainables.models.resnet_cifar import resnet_cifar

FEW = 1 << 16  # numbers, drawn once: the networks have hundreds of millions, and any will do


def again_and_again(tensor, numbers):
    """Fill a tensor with these numbers, from a place on that is drawn."""
    begin = torch.randint(FEW, ()).item()
    for part in tensor.detach().view(-1).split(FEW):
        part.copy_(numbers[begin : begin + len(part)])
    return tensor


@pytest.fixture(autouse=True)
def _drawn_once(monkeypatch):
    uniform, normal = torch.rand(2 * FEW), torch.randn(2 * FEW)

    def fill_uniform(self, low=0.0, high=1.0, generator=None):
        return again_and_again(self, low + (high - low) * uniform)

    def fill_normal(self, mean=0.0, std=1.0, generator=None):
        return again_and_again(self, mean + std * normal)

    monkeypatch.setattr(torch.Tensor, "uniform_", fill_uniform)
    monkeypatch.setattr(torch.Tensor, "normal_", fill_normal)


def trained(build):
    """A network whose every tensor, statistics too, is its own."""
    torch.manual_seed(1)
    model = build()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                factors, shifts = 1 + 0.1 * torch.rand(FEW), 0.001 * torch.rand(FEW)
                for part in tensor.view(-1).split(FEW):
                    part.mul_(factors[: len(part)]).add_(shifts[: len(part)])
            elif name.endswith("num_batches_tracked"):
                tensor.fill_(7)
    return model.eval()


def renamed(model, *rules):
    state = {}
    for name, tensor in model.state_dict().items():
        for pattern, new in rules:
            name = re.sub(pattern, new, name)
        state[name] = tensor
    assert len(state) == len(model.state_dict())
    return state


def require_same_outputs(build, state, model, size=32, channels=3):
    """Returns what loading says."""
    torch.manual_seed(2)
    other = build().eval()
    told = load_weights(other, {"epoch": 3, "state_dict": state})
    images = torch.randn(2, channels, size, size)
    with torch.no_grad():
        assert torch.equal(other(images), model(images))
    for name, tensor in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    return told


TO_SEQUENTIAL = ((r"^0\.", "features."), (r"^2\.", "classifier."))
DEEP_VISION_RESNET = (
    (r"^layer(\d)", lambda found: f"conv{int(found[1]) + 1}x"),
    (r"downsample", "projection"),
    (r"^fc\.", "linear."),
)


def deep_vision_vgg(name):
    numbers = {"0": "1", "3": "4", "6": "6"}
    return re.sub(r"classifier\.(\d)", lambda found: f"classifier.{numbers[found[1]]}", name)


def small(name, **options):
    return lambda: imagenet.build(name, 5, **options)


def test_alexnet_of_deep_vision_and_of_blur_training():
    for build in (small("alexnet_v1", image_size=64), small("alexnet_v2", image_size=64)):
        model = trained(build)
        require_same_outputs(build, renamed(model, *TO_SEQUENTIAL), model, 64)
    model = trained(alexnet_cifar)
    require_same_outputs(alexnet_cifar, renamed(model, *TO_SEQUENTIAL), model)
    spread = renamed(model, (r"^0\.", "features.module."), (r"^2\.", "classifier."))
    require_same_outputs(alexnet_cifar, spread, model)


@pytest.mark.parametrize("arch", ["alexnet", "vgg11"])
def test_networks_of_torchvision_spread_over_several_gpus(arch):
    build = lambda: families.get("blur").build_model(  # noqa: E731
        families.config_class("blur")(dataset="digits", arch=arch), Shape(3, 64, 5)
    )
    model = trained(build)
    state = renamed(model, (r"^features\.", "features.module."))
    require_same_outputs(build, state, model, 64)
    require_same_outputs(build, {f"module.{name}": tensor for name, tensor in state.items()}, model, 64)


@pytest.mark.parametrize("arch", ["resnet18_projection", "resnet34", "resnet50"])
def test_resnets_of_deep_vision(arch):
    build = small(arch)
    model = trained(build)
    state = renamed(model, *DEEP_VISION_RESNET)
    assert "conv2x.0.conv1.weight" in state
    for prefix in ("", "module."):
        require_same_outputs(build, {prefix + name: tensor for name, tensor in state.items()}, model)


def test_vgg_of_deep_vision():
    build = small("vgg16", image_size=32)
    model = trained(build)
    state = {deep_vision_vgg(name): tensor for name, tensor in model.state_dict().items()}
    assert require_same_outputs(build, state, model) == (
        "the weights of the checkpoint were taken by kind, shape and order of definition"
    )


def test_lenet_and_mobilenet_of_deep_vision():
    build = small("lenet5", in_channels=1)
    model = trained(build)
    numbers = {"0": "features.0", "4": "features.4", "8": "features.8", "11": "classifier.0", "13": "classifier.2"}
    state = renamed(model, (r"^(\d+)", lambda found: numbers[found[1]]))
    require_same_outputs(build, state, model, channels=1)
    build = small("mobilenet_v1", width=0.25)
    model = trained(build)

    def name_of(found):
        place = int(found[1])
        if place < 2:
            return f"features.{place}"
        block, part = divmod(place - 3, 6)
        if place == 84:
            return "linear"
        return f"features.{3 + block}.{('dw.conv', 'dw.bn', '', 'pw.conv', 'pw.bn', '')[part]}"

    last = max(int(name.partition(".")[0]) for name in model.state_dict())
    state = renamed(model, (rf"^{last}\.", "84."), (r"^(\d+)", name_of))
    assert "features.3.dw.bn.running_var" in state
    require_same_outputs(build, state, model)


def test_inception_of_deep_vision():
    build = small("inception_v1", image_size=96)
    model = trained(build)
    branch = {"0.0": "1_conv1x1", "1.0": "2_conv1x1", "1.2": "2_conv3x3", "2.0": "3_conv1x1", "2.2": "3_conv5x5"}
    branch["3.1"] = "4_conv1x1"
    heads = {"1": "features.1.conv", "4": "classifier.0", "7": "classifier.3"}
    state = renamed(
        model,
        (r"^classifier\.3", "linear"),
        (r"^stem\.(\d)", lambda found: {"0": "conv7x7", "4": "conv1x1", "6": "conv3x3"}[found[1]] + ".conv"),
        (
            r"^modules_3a_to_5b\.(\w+)\.branches\.(\d\.\d)",
            lambda found: f"inception_{found[1]}.branch{branch[found[2]]}.conv",
        ),
        (r"^auxiliary\.(\w+)\.(\d)", lambda found: f"aux{1 if found[1] == '4a' else 2}.{heads[found[2]]}"),
    )
    in_their_order = dict(sorted(state.items(), key=lambda item: item[0].startswith("linear")))
    require_same_outputs(build, in_their_order, model, 96)


@pytest.mark.parametrize("norm", ["online", "batch", "group"])
def test_cifar_resnets_of_online_normalisation(norm):
    build = lambda: resnet_cifar(14, norm=norm)  # noqa: E731
    model = trained(build)
    state = renamed(
        model,
        (r"norm(\d)", r"bn\1"),
        ("shortcut", "downsample"),
        (r"\.mu$", ".norm.m"),
        (r"\.(var|u|v)$", r".norm.\1"),
    )
    assert ("bn1.norm.m" in state) == (norm == "online")
    require_same_outputs(build, {f"module.{name}": tensor for name, tensor in state.items()}, model)


def test_imagenet_resnets_of_online_normalisation():
    build = lambda: resnet_imagenet("resnet18", 5, "online")  # noqa: E731
    model = trained(build)
    require_same_outputs(build, renamed(model, (r"\.mu$", ".norm.m"), (r"\.(var|u|v)$", r".norm.\1")), model)


def deconv_resnet(model, head, shortcut):
    """Its names there, and its order: the norms of a block after its convolutions."""

    def block(found):
        stage, number = divmod(int(found[1]), 2)
        kind = {"0": "conv1", "1": "bn1", "3": "conv2", "4": "bn2"}
        inside = re.sub(r"residual\.(\d)", lambda place: kind[place[1]], found[2])
        return f"layer{stage + 1}.{number}.{inside}"

    state = renamed(
        model,
        (r"^norm1", "bn1"),
        (r"^blocks\.(\d)\.(.*)", block),
        ("shortcut", shortcut),
        ("^classifier", head),
        ("^channel", "deconv1"),
    )
    names = sorted(state, key=lambda name: (name.split(".")[:2], "bn" in name) if name.startswith("layer") else ([], 0))
    stem, blocks = [n for n in names if not n.startswith(("layer", head))], [n for n in names if n.startswith("layer")]
    return {name: state[name] for name in (*stem, *blocks, *(n for n in names if n.startswith(head)))}


@pytest.mark.parametrize("norm", ["bn", "deconv"])
def test_resnets_of_network_deconvolution(norm):
    build = lambda: cifar.build("resnet", 10, norm)  # noqa: E731
    model = trained(build)
    require_same_outputs(build, deconv_resnet(model, "linear", "shortcut"), model)


@pytest.mark.parametrize("late", [False, True], ids=["in order", "norms after convolutions"])
@pytest.mark.parametrize(("arch", "blocks"), [("preact", (2, 2, 2, 2)), ("senet", (2, 2, 2, 2)), ("mobilev2", None)])
def test_other_residual_networks_of_network_deconvolution(arch, blocks, late):
    def block(found):
        number, stage = int(found[1]), 0
        while blocks and number >= blocks[stage]:
            number, stage = number - blocks[stage], stage + 1
        kinds = {"0": "conv1", "1": "bn1", "3": "conv2", "4": "bn2", "6": "conv3", "7": "bn3"}
        inside = re.sub(r"^residual\.(\d)", lambda place: kinds[place[1]], found[2])
        inside = re.sub(r"^shortcut\.(?=[a-z])", "shortcut.0.", inside).replace("excite.conv", "fc")
        return f"{f'layer{stage + 1}' if blocks else 'layers'}.{number}.{re.sub('^norm', 'bn', inside)}"

    build = lambda: cifar.build(arch, 10, "bn")  # noqa: E731
    model = trained(build)
    state = renamed(model, (r"^blocks\.(\d+)\.(.*)", block), (r"^norm", "bn"), ("^classifier", "linear"))
    if late:
        part = lambda name: name.split(".")[:2] if name.startswith("layer") else [name]  # noqa: E731
        groups = [list(names) for _, names in itertools.groupby(state, part)]
        state = {name: state[name] for names in groups for name in sorted(names, key=lambda name: ".bn" in name)}
    require_same_outputs(build, {f"module.{name}": tensor for name, tensor in state.items()}, model)


def test_imagenet_resnets_of_network_deconvolution_whose_files_count_no_steps():
    build = lambda: imagenet_deconv.build("resnet18d", 5, "deconv")  # noqa: E731
    model = trained(build)
    state = deconv_resnet(model, "fc", "downsample")
    assert state.pop("conv1.steps").tolist() == [0, 0]
    require_same_outputs(build, state, model, 64)


def test_vgg_of_network_deconvolution():
    build = lambda: cifar.build("vgg11", 10, "deconv")  # noqa: E731
    model = trained(build)
    ours = dict.fromkeys(name.split(".")[1] for name in model.state_dict() if name.startswith("features"))
    theirs = dict(zip(ours, (0, 3, 6, 8, 11, 13, 16, 18), strict=True))
    state = renamed(model, (r"^features\.(\d+)", lambda found: f"features.{theirs[found[1]]}"))
    state.pop("features.0.steps")
    assert "features.18.running_deconv" in state
    require_same_outputs(build, state, model)


def test_bn_only_networks_have_the_published_names():
    build = lambda: BNResNet(14)  # noqa: E731
    model = trained(build)
    require_same_outputs(build, renamed(model, (r"^", "model.")), model)


def test_torchvisions_own_networks_fit_ours():
    build = small("resnet18")
    theirs = trained(lambda: torchvision.models.resnet18(num_classes=5))
    mine = build().eval()
    load_weights(mine, theirs.state_dict())
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(mine(images), theirs(images))


def test_of_a_program_for_training_only_the_network_is_taken():
    build = small("lenet5", in_channels=1)
    model = trained(build)
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    told = require_same_outputs(build, state | {"criterion.weight": torch.ones(5)}, model, channels=1)
    assert told == "the weights of the checkpoint were taken from `model` alone; not taken: criterion"
    twice = state | {f"ema.{name}": 2 * tensor for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match="holds the weights of another network"):
        load_weights(build(), {"state_dict": twice})


def test_an_order_that_may_not_be_that_of_definition_matches_nothing():
    build = small("alexnet_v2", image_size=64)
    model = trained(build)
    state = renamed(model, *TO_SEQUENTIAL)
    names = list(state)
    names[4:6], names[6:8] = names[6:8], names[4:6]  # two convolutions in another order
    with pytest.raises(ValueError, match="holds the weights of another network"):
        load_weights(build(), {name: state[name] for name in names})


def test_a_resnet_that_does_not_fit_by_its_names_is_not_matched_by_order():
    model = trained(small("resnet18"))
    state = renamed(model, *DEEP_VISION_RESNET)
    swapped = {
        re.sub(r"conv([12])(?=\.w)", lambda found: f"conv{3 - int(found[1])}", name) if "conv2x.1." in name else name: t
        for name, t in state.items()
    }
    other = small("resnet18")()
    load_weights(other, swapped)
    assert torch.equal(other.layer1[1].conv1.weight, model.layer1[1].conv2.weight)
    with pytest.raises(ValueError, match="holds the weights of another network"):
        load_weights(small("resnet18_projection")(), state)
