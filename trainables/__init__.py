"""How one configuration is trained: families, layers, models, data and the loop over replicates.

Importing this package costs nothing: torch is imported by the modules that train, Ray only by `trainables.replicated`.
"""
