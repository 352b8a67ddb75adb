"""The layers and image operations of the families, each usable on its own with nothing but torch."""
