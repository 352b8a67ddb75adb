"""Network deconvolution: how much does decorrelating the input of every layer gain over batch normalisation?

Paper: Ye et al., "Network Deconvolution", ICLR 2020. In its Table 1 the decorrelated network (ND) is ahead of the
batch-normalised one (BN) in all 60 cells: by 23.1, 2.3 and 1.5 points on CIFAR-10 and 18.6, 4.7 and 3.0 on CIFAR-100,
means over ten networks after 1, 20 and 100 epochs.

**Early stopping must not compare BN with ND at the start.** After one epoch the order of two configurations is that of
their normalisers and of nothing else, and a rung there would stop every BN configuration for it. So `smoke` and `search` have
brackets by normaliser (`bracket="norm"`): at every rung BN is compared with BN and ND with ND, and the two meet at the
full budget alone. Within ND the order after one epoch is not that of the end either (in `smoke` a single Newton-Schulz step
leads then, with 0.97, and ten are last, with 0.78), which is why `search` waits for epoch 4. `paper` stops nothing.

The knobs of its own: `block`, the channels whose covariance is taken together, is the cost (its square enters the
covariance, its cube the root) and by an independent ablation hardly matters for accuracy between 32 and 128;
`sampling_stride` thins the positions the covariance is of; `n_iter`, the Newton-Schulz steps, sets how far the
input is decorrelated (a small eigenvalue grows by at most 1.5 in a step), and does so rather than `eps`.

Extensions of ours are off and can be set beside ND, none of them exact as published: `root_gradient=false`, `refresh`,
`channels_together`, `corrected_average`, `centered`.

Whitening convolutions never run in bfloat16, whatever `precision` says: under bf16 and tf32 they multiply in TF32 on a GPU.
Folded weights are large and cancel, so they keep a multiple of a plain convolution's rounding error
(`python -m benchmarks.whitening_precision`, relative error of the output, and of the weight's gradient):

    layer                       plain, bf16     whitened, bf16   whitened, TF32
    stem, 5 iterations          0.26%, 0.23%    0.78%, 0.56%     0.10%, 0.07%
    stem, 15 iterations         0.26%, 0.23%    7.92%, 5.95%     0.97%, 0.69%
    64 channels, block 64       0.24%, 0.24%    0.85%, 0.57%     0.09%, 0.07%
    64 channels, block 16       0.24%, 0.24%    0.80%, 0.54%     0.10%, 0.07%

The baseline is the paper's own setting: deconvolution with block 64 (8 in the tiny network of `smoke`), stride 3, 5
steps, eps 1e-5; SGD, lr 0.1 to zero along a cosine, weight decay 1e-3, batch 128 (32 in `smoke`).

The code of 2019, to which the mission's words mode and groups belong, is searched in `modes` and repeated in `presets`:
`--set revision=2019` turns any space to it. Knobs that the chosen revision, mode or norm does not read are not drawn.

Images are normalised as published, by the means of CIFAR-10's and CIFAR-100's channels and the mean over the images of each
image's deviations (`normalisation` cifar10-per-image and cifar100-per-image), MNIST's by 0.1307 and 0.3081, ImageNet's by
its own. Digits and folders, on which nothing was published, get 0.5 and 0.5. Searches launched before this was so resume
with the 0.5 they began with.

On imagenet:PATH at more than 64 pixels a name means the network for such images: resnet18 is resnet18d there, vgg11 is
vgg11d; a network for small images alone is refused.
"""

from search_spaces.deconv.cifar import paper, search, smoke
from search_spaces.deconv.first_code import modes, presets
from search_spaces.deconv.imagenet import imagenet

__all__ = ["imagenet", "modes", "paper", "presets", "search", "smoke"]
