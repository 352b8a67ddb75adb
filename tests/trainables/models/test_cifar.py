"""Networks for small images in both forms: published counts, special layers, shapes, training, what is refused."""

import functools

import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.nn import functional as F

from tests.trainables.models.counting import parameters
from trainables.layers.deconv import ChannelDeconv2d, Delinear, FastDeconv2d
from trainables.models.cifar import build
from trainables.models.deconv.factory import BatchNormLayers
from trainables.models.deconv.preact import PreActBlock
from trainables.plans import deconv_networks as cifar_plan

# arch: bn parameters, bn buffers, deconv parameters, deconv buffers, the same with block_fc 512, norms, deconvolutions
PUBLISHED = {
    "vgg11": (9_231_114, 5_512, 9_225_610, 2_327_220, 2_589_876, 8, 8),
    "vgg13": (9_416_010, 5_898, 9_410_122, 2_991_924, 3_254_580, 10, 10),
    "vgg16": (14_728_266, 8_461, 14_719_818, 3_988_980, 4_251_636, 13, 13),
    "vgg19": (20_040_522, 11_024, 20_029_514, 4_986_036, 5_248_692, 16, 16),
    "resnet": (11_173_962, 9_620, 11_169_162, 5_330_868, 5_593_524, 20, 20),
    "resnet34": (21_282_122, 17_060, 21_273_610, 10_648_500, 10_911_156, 36, 36),
    "resnet50": (23_520_842, 53_173, 23_494_282, 5_468_148, 5_730_804, 53, 53),
    "densenet121": (6_956_298, 83_640, 6_883_018, 19_440_916, 19_703_572, 120, 120),
    "preact": (11_171_274, 6_929, 11_169_162, 5_330_868, 5_593_524, 17, 20),
    "senet": (11_260_354, 6_929, 11_258_242, 5_366_988, 5_629_644, 17, 36),
    "dpn": (34_236_634, 113_423, 34_179_970, 12_654_188, 12_916_844, 95, 95),
    "pnasnetA": (130_646, 4_863, 128_226, 4_853_808, 4_884_960, 23, 23),
    "pnasnetB": (451_626, 12_819, 445_258, 4_682_772, 4_699_284, 83, 83),
    "resnext": (4_774_218, 25_247, 4_761_610, 2_724_300, 2_986_956, 31, 31),
    "mobilev2": (2_296_922, 35_145, 2_279_378, 809_924, 875_716, 57, 57),
    "efficient": (2_912_089, 39_843, 2_912_057, 40_534, 143_254, 51, 1),
}
# Buffers of the 2019 revision with groups of 16 and a last block of 512: mode 5, mode 4, mode 3.
BUFFERS_2019 = {
    "vgg11": (408_655, 409_583, 264_599),
    "vgg13": (450_159, 451_345, 265_149),
    "vgg19": (574_671, 576_631, 266_799),
    "resnet": (596_239, 598_331, 267_899),
    "resnet50": (605_215, 607_340, 276_974),
    "densenet121": (1_483_599, 1_491_167, 295_399),
}
# Newton-Schulz steps of the image's convolution; its statistics freeze.
STEMS = {
    **dict.fromkeys(("vgg11", "vgg13", "vgg16", "vgg19", "vgg_tiny", "senet"), 15),
    **dict.fromkeys(("preact", "dpn", "pnasnetA", "pnasnetB", "resnext", "mobilev2", "efficient"), 10),
}
PLAIN_STEMS = ("resnet", "resnet34", "resnet50", "densenet121")
NETWORKS = (*PUBLISHED, "vgg_tiny")


@functools.cache  # which is only looked at
def meta(arch, *args, **options):
    with torch.device("meta"):
        return build(arch, *args, **options)


def buffers(model):
    return sum(buffer.numel() for buffer in model.buffers())


def of_type(model, kind):
    return {name: module for name, module in model.named_modules() if isinstance(module, kind)}


@pytest.mark.parametrize("arch", PUBLISHED)
def test_both_forms_have_the_published_counts(arch):
    bn, deconv, whitened_classifier = meta(arch), meta(arch, norm="deconv"), meta(arch, norm="deconv", block_fc=512)
    assert (
        *(parameters(bn), buffers(bn), parameters(deconv), buffers(deconv), buffers(whitened_classifier)),
        *(len(of_type(bn, nn.BatchNorm2d)), len(of_type(deconv, FastDeconv2d))),
    ) == PUBLISHED[arch]
    assert parameters(whitened_classifier) == parameters(deconv)


@pytest.mark.parametrize("arch", BUFFERS_2019)
def test_modes_5_4_and_3_of_2019_have_the_published_buffers(arch):
    models = [meta(arch, norm="deconv", revision=2019, mode=mode, block_fc=512) for mode in (5, 4, 3)]
    assert tuple(buffers(model) for model in models) == BUFFERS_2019[arch]
    assert {parameters(model) for model in models} == {PUBLISHED[arch][2]}


@pytest.mark.parametrize("arch", [arch for arch in NETWORKS if arch != "efficient"])
def test_deconvolution_replaces_every_convolution_and_every_norm(arch):
    bn, deconv = meta(arch), meta(arch, norm="deconv")
    assert of_type(bn, nn.Conv2d).keys() == of_type(deconv, FastDeconv2d).keys()
    assert of_type(deconv, nn.BatchNorm2d) == {}
    assert all(module.bias is not None for module in of_type(deconv, FastDeconv2d).values())


def test_efficientnet_whitens_its_stem_alone_or_on_request_everything():
    stem_alone = meta("efficient", norm="deconv")
    assert list(of_type(stem_alone, FastDeconv2d)) == ["conv1"]
    assert len(of_type(stem_alone, nn.BatchNorm2d)) == 50
    everything = meta("efficient", norm="deconv", whiten_blocks=True)
    assert of_type(everything, nn.BatchNorm2d) == {}
    assert parameters(everything) == 2_892_193


@pytest.mark.parametrize("arch", NETWORKS)
def test_the_image_has_a_frozen_convolution_with_more_iterations_and_nothing_else_freezes(arch):
    stem, *others = of_type(meta(arch, norm="deconv"), FastDeconv2d).values()
    assert stem.in_channels == 3
    assert (stem.freeze, stem.n_iter) == ((False, 5) if arch in PLAIN_STEMS else (True, STEMS[arch]))
    assert not any(module.freeze for module in others)


def test_the_stem_can_be_told_otherwise():
    options = {"stem_n_iter": 5, "stem_freeze": False, "freeze_iter": 7}
    stem, *others = of_type(meta("vgg11", norm="deconv", **options), FastDeconv2d).values()
    assert (stem.n_iter, stem.freeze) == (5, False)
    assert all(module.freeze_iter == 7 for module in (stem, *others))


def test_resnext_takes_three_iterations_in_its_grouped_convolutions():
    for module in of_type(meta("resnext", norm="deconv", n_iter=7), FastDeconv2d).values():
        assert module.n_iter == (3 if module.groups == 32 else 10 if module.in_channels == 3 else 7)


def test_mobilenet_takes_one_iteration_in_depthwise_convolutions_and_projections():
    steps = {}
    for name, module in of_type(meta("mobilev2", norm="deconv"), FastDeconv2d).items():
        steps.setdefault((name.split(".residual")[-1], module.n_iter), []).append(module)
    assert {kind: len(found) for kind, found in steps.items()} == {
        **{("conv1", 10): 1, ("conv2", 5): 1},
        **{(".0", 5): 17, (".3", 1): 17, (".6", 1): 17},
        **{(f"blocks.{block}.shortcut.0", 5): 1 for block in (0, 1, 10, 16)},
    }
    # a projection whitens blocks as wide as the input of its own inverted residual
    expansions = [module.in_channels for module in steps[".0", 5]]
    assert [module.running_mean.numel() for module in steps[".6", 1]] == expansions


def test_options_reach_every_layer():
    options = {"eps": 1e-3, "n_iter": 4, "momentum": 0.2, "sampling_stride": 2, "block": 16, "block_fc": 32}
    model = meta("resnet", norm="deconv", **options)
    for module in of_type(model, FastDeconv2d).values():
        assert (module.eps, module.n_iter, module.momentum, module.sampling_stride) == (1e-3, 4, 0.2, 2)
        assert module.running_mean.numel() == module.kernel_size[0] ** 2 * min(16, module.in_channels)
    (classifier,) = of_type(model, Delinear).values()
    assert (classifier.eps, classifier.n_iter, classifier.momentum) == (1e-3, 4, 0.2)
    assert classifier.running_deconv.shape == (32, 32)
    for revision in ({"revision": 2020}, *({"revision": 2019, "mode": mode} for mode in (4, 5))):
        without = meta("resnet", norm="deconv", bias=False, **revision)
        assert [name for name, _ in without.named_parameters() if name.endswith("bias")] == ["classifier.bias"]


def test_extensions_reach_the_layers_that_have_them_and_are_off_by_default():
    names = ("root_gradient", "refresh", "channels_together", "corrected_average")
    for options, expected in (
        ({}, (True, 1, False, False)),
        (dict(zip(names, (False, 4, True, True), strict=True)), (False, 4, True, True)),
    ):
        model = meta("resnet", norm="deconv", block_fc=64, **options)
        found = {tuple(getattr(m, name) for name in names) for m in of_type(model, FastDeconv2d).values()}
        assert found == {expected}
        assert [m.root_gradient for m in of_type(model, Delinear).values()] == [expected[0]]
    (channel,) = of_type(meta("resnet", block_fc=64, delinear=False, centered=True), ChannelDeconv2d).values()
    assert channel.centered


@pytest.mark.parametrize("revision", [2019, 2020])
def test_a_revision_has_its_own_eps(revision):
    model = meta("vgg_tiny", norm="deconv", revision=revision, num_groups=1)
    assert {module.eps for module in model.modules() if hasattr(module, "running_deconv")} == {
        1e-2 if revision == 2019 else 1e-5
    }


def test_the_last_block_whitens_the_classifier_or_the_maps_before_it():
    for norm in ("bn", "deconv"):
        assert len(of_type(meta("resnet", norm=norm, block_fc=64), Delinear)) == 1
        channel = meta("resnet", norm=norm, block_fc=64, delinear=False)
        assert of_type(channel, Delinear) == {}
        assert [module.block for module in of_type(channel, ChannelDeconv2d).values()] == [64]
        assert len(of_type(meta("resnet", norm=norm), (Delinear, ChannelDeconv2d))) == 0


def test_a_batch_normalised_network_of_2019_has_no_last_block():
    model = meta("resnet", revision=2019, block_fc=64)
    assert of_type(model, (Delinear, ChannelDeconv2d)) == {}


def test_densenet_has_a_channel_deconvolution_in_the_deconvolution_form_alone():
    assert len(of_type(meta("densenet121", norm="deconv", block_fc=64, delinear=False), ChannelDeconv2d)) == 1
    assert len(of_type(meta("densenet121", norm="bn", block_fc=64, delinear=False), ChannelDeconv2d)) == 0


@pytest.mark.parametrize("arch", NETWORKS)
def test_logits_have_one_column_for_each_class_in_both_forms(arch):
    assert meta(arch, 7).eval()(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 7)
    with FakeTensorMode():
        assert build(arch, 7, "deconv").eval()(torch.empty(2, 3, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize("arch", [arch for arch in NETWORKS if cifar_plan.ARCHS[arch].smallest <= 8])
def test_gray_images_of_8_pixels_pass_wherever_the_plan_says_so(arch):
    model = meta(arch, in_channels=1, image_size=8).eval()
    assert model(torch.empty(2, 1, 8, 8, device="meta")).shape == (2, 10)


def test_larger_images_pass_through_networks_made_for_32_pixels():
    for arch in ("vgg11", "resnet", "densenet121"):
        assert meta(arch, image_size=96).eval()(torch.empty(2, 3, 96, 96, device="meta")).shape == (2, 10)


def test_preact_has_a_norm_behind_its_stem_that_nothing_uses():
    model = build("preact", in_channels=1, image_size=8)
    model(torch.randn(2, 1, 8, 8)).sum().backward()
    unused = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert unused == ["norm1.weight", "norm1.bias"]


def test_a_preactivation_block_projects_what_its_first_relu_leaves_and_else_adds_its_input():
    # The residual vanishes with its last convolution, and the shortcut remains.
    maps = torch.randn(2, 8, 4, 4)
    same = PreActBlock(BatchNormLayers(), 8, 8, 1, squeeze=False)
    wider = PreActBlock(BatchNormLayers(), 8, 16, 1, squeeze=False)
    for block in (same, wider):
        nn.init.zeros_(block.conv2.weight)
    torch.testing.assert_close(same(maps), maps)
    torch.testing.assert_close(wider(maps), wider.shortcut(F.relu(wider.norm1(maps))))


@pytest.mark.parametrize("norm", ["bn", "deconv"])
@pytest.mark.parametrize("arch", ["vgg_tiny", "resnet", "senet", "resnext", "mobilev2", "efficient"])
@pytest.mark.filterwarnings("ignore:layer .* whitens")
def test_a_training_step_reaches_every_parameter(arch, norm):
    torch.manual_seed(0)
    model = build(arch, 4, norm, in_channels=1, image_size=8, block=8, block_fc=8).double()
    images, labels = torch.randn(16, 1, 8, 8, dtype=torch.float64), torch.arange(16) % 4
    before = [buffer.clone() for buffer in model.buffers() if buffer.is_floating_point()]
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    assert loss.isfinite()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())
    after = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("norm", ["bn", "deconv"])
@pytest.mark.filterwarnings("ignore:layer .* whitens")
def test_the_tiny_network_learns_in_both_forms(norm):
    torch.manual_seed(0)
    model = build("vgg_tiny", 4, norm, in_channels=1, image_size=8, block=8)
    images, labels = torch.randn(32, 1, 8, 8), torch.arange(32) % 4
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_dropout_falls_between_the_norm_and_its_relu():
    steps = [type(module) for module in meta("vgg11", dropout_rate=0.25).features[:4]]
    assert steps == [nn.Conv2d, nn.BatchNorm2d, nn.Dropout2d, nn.ReLU]
    assert of_type(meta("vgg11"), nn.Dropout2d) == {}


def test_the_usual_names_are_known_as_well():
    for usual, flag in cifar_plan.ALIASES.items():
        assert parameters(meta(usual)) == parameters(meta(flag))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"arch": "vgg15"}, r"`arch` is 'vgg15', but no such network is known; did you mean `vgg1\d`\?"),
        ({"arch": "resnet19"}, r"did you mean `resnet18`\?|did you mean `resnet`\?"),
        ({"arch": "xyz"}, "the networks are: vgg11, "),
        ({"norm": "decov"}, r"`norm` is 'decov', but must be bn or deconv; did you mean `deconv`\?"),
        ({"blok": 3}, r"`blok` is not an option of vgg11; did you mean `block`\?"),
        ({"method": 3}, "`method` is not an option of vgg11"),
        ({"image_size": 8}, "`image_size` is 8, but vgg11 needs at least 32 pixels"),
        ({"in_channels": 0}, "`in_channels` is 0, but must be at least 1"),
        ({"num_classes": 0}, "`num_classes` is 0, but must be at least 1"),
        ({"revision": 2021}, "`revision` is 2021, but must be 2020 or 2019"),
        ({"revision": 2019, "mode": 6}, "`mode` is 6, but must be 1, 2, 3, 4 or 5"),
        ({"block": 0}, "`block` is 0, but must be at least 1"),
        ({"num_groups": 0}, "`num_groups` is 0, but must be at least 1"),
        ({"block_fc": -1}, "`block_fc` is -1, but must be at least 0"),
        ({"block_fc": 513, "delinear": False}, "`block_fc` is 513, but must be at most 512"),
        ({"eps": -1.0}, "`eps` is -1"),
        ({"n_iter": 0}, "`n_iter` is 0"),
        ({"dropout_rate": 1.0}, "`dropout_rate` is 1.0, but must be at least 0 and below 1"),
        ({"arch": "resnext", "revision": 2019}, "`revision` is 2019, but resnext has grouped convolutions"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        meta(**{"arch": "vgg11", "norm": "deconv", **arguments})
    assert "\n" not in str(caught.value)


def test_groups_of_2019_that_do_not_divide_the_channels_are_refused_with_all_layers_listed():
    for mode in (1, 3, 4, 5):
        with pytest.raises(ValueError, match="`num_groups` is 48") as caught:
            meta("vgg11", norm="deconv", revision=2019, mode=mode, num_groups=48)
        refused = [name for name, module in of_type(meta("vgg11"), nn.Conv2d).items() if module.in_channels > 3]
        assert len(refused) == 7
        assert all(f"{name} (" in str(caught.value) for name in refused)
    assert parameters(meta("vgg11", norm="deconv", revision=2019, mode=2, num_groups=48)) == 9_225_610


def test_every_architecture_of_the_plan_can_be_built():
    for arch in cifar_plan.ARCHS:
        assert parameters(meta(arch)) > 0
