"""Batches of images on a device."""
