"""What of a trial knows Ray: the Trainable, its workers, its share of a node."""
