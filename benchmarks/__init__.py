"""Measurements of claims: ratios taken side by side in one run. `make bench` runs them all."""
