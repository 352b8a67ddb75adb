"""The grammar of network names: what is accepted, what is refused, and that each refusal quotes the name."""

import pytest

from trainables.plans.bn_names import ModelName, parse_name

ACCEPTED = {
    "cifar_freeze_14": ModelName(14, 1, "freeze"),
    "cifar_resnet_14": ModelName(14, 1, "resnet"),
    "cifar_freeze_14_1": ModelName(14, 1, "freeze"),
    "cifar_resnet_8": ModelName(8, 1, "resnet"),
    "cifar_freeze_20": ModelName(20, 1, "freeze"),
    "cifar_freeze_866": ModelName(866, 1, "freeze"),
    "cifar_resnet_14_32": ModelName(14, 32, "resnet"),
    "cifar_resnet_14_16": ModelName(14, 16, "resnet"),
    "cifar_freeze_110_3": ModelName(110, 3, "freeze"),
}
REFUSED = [
    "",
    "cifar",
    "resnet",
    "ResNet18",
    "baseline",
    "cifar_resnet_",
    "cifar_resnet",
    "cifar_resnet_x",
    "cifar_resnet_14_x",
    "cifar_resnet_14_",
    "cifar_resnet_14_8_2",
    "cifar_resnet_14\n",
    "\ncifar_resnet_14",
    " cifar_resnet_14",
    "cifar_resnet_14 ",
    "cifar_resnet_014",
    "cifar_resnet_14_08",
    "cifar_resnet_14_0",
    "cifar_resnet_0",
    "cifar_resnet_2",
    "cifar_resnet_-14",
    "cifar_resnet_+14",
    "cifar_resnet_14_-1",
    "cifar_resnet_1_4",
    "cifar_resnet_15",
    "cifar_resnet_13",
    "cifar_resnet_14.0",
    "cifar_resnet_1e2",
    "cifar_resnet_１４",  # noqa: RUF001  # fullwidth digits
    "cifar_resnet_١٤",
    "cifar_resnet_14_²",
    "Cifar_resnet_14",
    "cifar_ResNet_14",
    "cifar-resnet-14",
    "cifar_frozen_14",
    "cifar_resnet_freeze_14",
    "cifar_resnet_" + "1" * 5000,
    "imagenet_resnet_50",
]


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_name_gives_depth_width_and_kind(name):
    assert parse_name(name) == ACCEPTED[name]


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_refused_quoting_the_name(name):
    with pytest.raises(ValueError, match=r"^the name ") as refusal:
        parse_name(name)
    assert repr(name) in str(refusal.value)
    assert ";" in str(refusal.value)  # and a remedy


@pytest.mark.parametrize("value", [None, 14, b"cifar_resnet_14", ["cifar_resnet_14"]])
def test_what_is_no_text_is_refused_alike(value):
    with pytest.raises(ValueError, match=r"^the name ") as refusal:
        parse_name(value)
    assert repr(value) in str(refusal.value)


def test_a_bad_depth_is_told_the_rule():
    with pytest.raises(ValueError, match=r"'cifar_freeze_15' has depth 15, but it must be 6n\+2 with n at least 1"):
        parse_name("cifar_freeze_15")


@pytest.mark.parametrize(("filters", "meant"), [(48, 3), (64, 4), (128, 8), (256, 16), (512, 32)])
def test_filters_in_the_manner_of_open_lth_are_refused_and_translated(filters, meant):
    with pytest.raises(ValueError, match=f"open_lth would read .* write cifar_resnet_14_{meant} for {filters} filters"):
        parse_name(f"cifar_resnet_14_{filters}")


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_canonical_form_is_read_back_as_the_same_network(name):
    canonical = parse_name(name).canonical
    assert parse_name(canonical) == parse_name(name)
    assert parse_name(canonical).canonical == canonical
    assert not canonical.endswith("_1")


def test_width_1_is_not_written():
    assert parse_name("cifar_freeze_14_1").canonical == "cifar_freeze_14"
    assert parse_name("cifar_freeze_14_2").canonical == "cifar_freeze_14_2"
