"""VGG networks with batch normalisation or network deconvolution, for small images and for ImageNet."""

from __future__ import annotations

from torch import Tensor, nn

from trainables.models.deconv.factory import Layers

# Output channels of each 3x3 convolution; "M" is a 2x2 max-pooling.
PLANS: dict[str, tuple[int | str, ...]] = {
    "vgg_tiny": (16, "M", 32, "M", 32),
    "vgg11": (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    "vgg13": (64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    "vgg16": (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"),
    "vgg19": (
        *(64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M"),
        *(512, 512, 512, 512, "M", 512, 512, 512, 512, "M"),
    ),
}


class VGGCifar(nn.Module):
    """The convolutions of a VGG and one linear layer: images [N, in_channels, H, W] to logits [N, num_classes].

    The convolutions have a bias in both forms. Averaging the last map changes nothing at 32x32, where it is one pixel.
    Source: Simonyan and Zisserman, "Very Deep Convolutional Networks", ICLR 2015, configurations A, B, D and E;
    `vgg_tiny` is a three-layer network of the same kind for 8x8 images.

    Args:
        layers: makes the layers.
        plan: a key of `PLANS`.
        dropout_rate: of whole maps, between the norm of each convolution and its ReLU.
    """

    def __init__(
        self, layers: Layers, plan: str, num_classes: int, in_channels: int, dropout_rate: float = 0.0
    ) -> None:
        super().__init__()
        if not 0 <= dropout_rate < 1:
            raise ValueError(f"`dropout_rate` is {dropout_rate}, but must be at least 0 and below 1; 0 turns it off")
        self.features = _features(layers, plan, in_channels, dropout_rate=dropout_rate, with_norm=True)
        self.channel = layers.channel(_width(plan))
        self.classifier = layers.classifier(_width(plan), num_classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.channel(self.features(images)).mean(dim=(2, 3)))
        return logits


class VGGImageNet(nn.Module):
    """The ImageNet VGG with its 4096-4096-classes classifier and dropout 0.5; the plain form has no normalisation, unless
    it is asked for `with_norm`.

    The deconvolution form whitens the input of every linear layer where `block_fc` is on. Both forms start from
    PyTorch's default initialisers, as the published runs did. Images are [N, in_channels, H, W] of any size from 32x32.
    """

    def __init__(
        self, layers: Layers, plan: str, num_classes: int, in_channels: int, *, with_norm: bool = False
    ) -> None:
        super().__init__()
        self.features = _features(layers, plan, in_channels, dropout_rate=0.0, with_norm=with_norm)
        self.channel = layers.channel(_width(plan))
        self.pool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            layers.classifier(_width(plan) * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            layers.classifier(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            layers.classifier(4096, num_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.pool(self.channel(self.features(images))).flatten(1))
        return logits


def _features(layers: Layers, plan: str, in_channels: int, dropout_rate: float, with_norm: bool) -> nn.Sequential:
    modules: list[nn.Module] = []
    inputs = in_channels
    for step in PLANS[plan]:
        if not isinstance(step, int):
            modules.append(nn.MaxPool2d(2))
            continue
        if modules:
            modules.append(layers.conv(inputs, step, bias=True))
        else:
            modules.append(layers.stem(inputs, step, n_iter=15, bias=True))
        if with_norm:
            modules.append(layers.norm(step))
        if dropout_rate:
            modules.append(nn.Dropout2d(dropout_rate))
        modules.append(nn.ReLU(inplace=True))
        inputs = step
    return nn.Sequential(*modules)


def _width(plan: str) -> int:
    return [step for step in PLANS[plan] if isinstance(step, int)][-1]
