"""Online normalization: does it match batch normalization without a batch, and how long must its two memories be?

Paper: Chiley et al., "Online Normalization for Training Neural Networks", NeurIPS 2019. By its figures ResNet-20 trains
as well with it as with batch normalization on CIFAR-10 and CIFAR-100, and 2 to 9 points better than with group, instance
or layer normalization (`paper` prints them all).

The two knobs of its own are decays: of the statistics that normalise (`afwd`) and of the control process that keeps the
gradient orthogonal (`abkw`). A decay is 1 - 1/h with a horizon h in samples; the spaces search powers of two of h, since
the decays themselves crowd just below 1. The published sweep finds a plateau for h_fwd from 128 to 4096 and h_bwd from 8
to 512, and what look like diverged runs where h_bwd is 4 or less.

The baseline is the paper's own setting: online normalisation with horizons 1024 and 128 (CIFAR-10) and layer scaling.
lr and momentum are those of batch 128; a configuration with another batch size trains with lr and momentum rescaled by
the published rule, and its results report both (`lr_given`, `lr_effective`, and so for the momentum). `--set
batch_size_rule=false` searches them as they are.

Images are normalised as published, by the mean and deviation of all pixels of CIFAR-10 or CIFAR-100, ImageNet's by its own.
Digits and folders, on which nothing was published, get 0.5 and 0.5. On ImageNet training images are crops of random size,
also as published. Searches launched before either was so resume as they began: with 0.5, and mirroring alone.
"""

from search_spaces.online_norm.cifar import search, smoke
from search_spaces.online_norm.published import decays, imagenet, paper

__all__ = ["decays", "imagenet", "paper", "search", "smoke"]
