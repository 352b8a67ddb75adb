"""Blur training: what its spaces share, and the published grid on ImageNet."""
