"""Face of `trainables.on_ray.trainable`."""

from trainables.on_ray.trainable import ReplicatedTrainable

__all__ = ["ReplicatedTrainable"]
