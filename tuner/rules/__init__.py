"""Who goes on: the rules of early stopping, without Ray and without files."""
