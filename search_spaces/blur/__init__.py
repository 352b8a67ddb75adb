"""Blur training: which curriculum of blurred and sharp images gives the best accuracy on sharp ones?

Paper: Yoshihara, Fukiage and Nishida, "Does training with blurred images bring convolutional neural networks closer
to humans with respect to robust object recognition and internal representations?", Front. Psychol. 14:1047694 (2023).
It reports that training on blurred and sharp images together (`mix`) brings networks closer to people in robustness to
blur and only slightly less biased to texture.

Published figures: none to print beside ours. No table of the networks' accuracies was published, on ImageNet, on its 16
classes or on CIFAR-10, so `published` is empty in all spaces.

The baseline is `normal` (the paper's S-Net, sharp images only) with the values of the published CIFAR-10 code: SGD,
lr 0.01 constant, momentum 0.9, weight decay 5e-4, batch 64. It is the network that every curriculum is compared with,
and no blur knob acts in it, so it stays the same reference whatever is searched.

The objective is accuracy on sharp images, in every mode. Curricula that turn sharp late look bad until then, and a rung
before their switch would stop them for being blurred: `search` says what avoiding that costs.

Defaults follow the dataset: on imagenet:PATH and imagenet16:PATH those of the published scripts for 1000 and 16 classes. Images
are normalised as published, CIFAR-10's by 0.5 and 0.5, ImageNet's by its own mean and deviation; where nothing was published, by
0.5 and 0.5. Searches launched before on ImageNet resume with the values they began with.
"""

from search_spaces.blur.cifar import paper, search, smoke
from search_spaces.blur.imagenet import imagenet, imagenet16

__all__ = ["imagenet", "imagenet16", "paper", "search", "smoke"]
