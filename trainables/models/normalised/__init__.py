"""Residual networks built with a chosen normaliser."""
