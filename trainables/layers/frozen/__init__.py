"""Layers whose weights do not move, and what they need not keep."""
