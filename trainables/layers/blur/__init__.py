"""Gaussian blur as a layer: face of its rooms."""

from trainables.layers.blur.gaussian import gaussian_blur, gaussian_kernel1d, kernel_size

__all__ = ["gaussian_blur", "gaussian_kernel1d", "kernel_size"]
