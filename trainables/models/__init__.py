"""Networks, each built from a few numbers; nothing here knows about data, training or Ray."""
