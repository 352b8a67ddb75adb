"""What the records say, as objects."""
