"""Weights that others saved: read, told apart, matched by name."""
