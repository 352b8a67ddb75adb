"""Online Normalization as a layer: face of its rooms."""

from trainables.layers.online_norm.layer import STATE, STEPS_KEPT, OnlineNorm1d, OnlineNorm2d, set_loss_scale, streams

__all__ = ["STATE", "STEPS_KEPT", "OnlineNorm1d", "OnlineNorm2d", "set_loss_scale", "streams"]
