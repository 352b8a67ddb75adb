"""The networks of which only BatchNorm is trained."""
