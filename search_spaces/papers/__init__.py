"""What was published of each family: its tables, and the spaces that repeat them beside `paper`."""
