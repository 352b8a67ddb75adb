"""Networks known without building one: their names, sizes and counts."""
