"""Which policy finds the best configuration for the least training: tables of real trainings, and policies replayed on them."""
