"""Training BatchNorm and only BatchNorm: how far do random features go, and what do gamma and beta need for it?

Paper: Frankle, Schwab, Morcos, "Training BatchNorm and Only BatchNorm: On the Expressive Power of Random Features in
CNNs", ICLR 2021 (arXiv 2003.00152). With every convolution and the classifier frozen at random values, a ResNet-110 that
trains its 8,288 gammas and betas reaches 69.7 % on CIFAR-10, a ResNet-866 82 %; depth helps more than width at the same
number of trained parameters. gamma starts from U[0, 1), beta from 0.

Every leaderboard shows `n_trainable` beside the accuracy; `tuner show` has gamma and beta of the last epoch in summary
(`gamma_...`, `beta_...`) and the accuracy after setting small gammas to zero (`val_accuracy_pruned_...`). Weight decay
acts on gamma and beta as published, and shrinks a gamma without gradient to 0.05 of itself over the published schedule:
read `gamma_fraction_below_0.01` with that in mind, and search `bn_weight_decay` to separate the two.

lr drops at one half and three quarters of whatever the budget is. Depths of 218 and more diverge at times under the
published schedule, by an independent reproduction; `--set recompute_blocks=12` makes them fit in memory.

Names such as cifar_freeze_14_16 end in the multiplier of 16 filters. Those of the library open_lth end in the filters
themselves: its cifar_resnet_14_16 is cifar_resnet_14 here.

Images are normalised by 0.5 and 0.5, as the repository in PyTorch did that trained eighteen of these networks (`reproduction`);
`paper` and `columns` take ImageNet's constants, as the paper's own code did for CIFAR-10. Searches launched before resume with
the 0.5 they began with.

On imagenet:PATH the networks are ImageNet's, ResNet-18 unless `arch` says otherwise, under the paper's protocol: batch 1024, lr
0.4 after a warm-up of five epochs, crops of random size. Its crops took 10 % to all of the image in shapes of 4:5 to 5:4; ours
8 % and 3:4 to 4:3, torchvision's. `--set depth=...` or a name asks for the networks of CIFAR.

NAN_NOTE
"""

from search_spaces.bn_only.cifar import search, smoke
from search_spaces.bn_only.published import columns, paper, reproduction

__all__ = ["columns", "paper", "reproduction", "search", "smoke"]
