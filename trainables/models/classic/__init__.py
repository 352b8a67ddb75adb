"""The classic ImageNet networks."""
