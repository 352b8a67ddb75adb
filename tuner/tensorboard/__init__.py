"""TensorBoard's event files from records, without torch."""
