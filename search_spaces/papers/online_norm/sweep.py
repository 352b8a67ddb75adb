"""The published sweep of the decays of online normalisation, from the poster of Chiley et al. (NeurIPS 2019)."""

from __future__ import annotations

# h_fwd -> top-1 in percent with h_bwd = h_fwd, h_fwd / 2, ... 2.
ROWS = {
    4096: (90.6, 90.6, 91.1, 91.8, 92.0, 92.1, 91.9, 91.6, 91.5, 91.3, 69.4, 19.2),
    2048: (90.9, 91.4, 91.8, 91.9, 92.1, 91.9, 91.8, 91.8, 91.8, 91.4, 24.5),
    1024: (90.9, 91.8, 92.1, 92.1, 92.1, 92.1, 92.2, 91.8, 91.5, 85.8),
    512: (71.3, 91.8, 92.0, 92.1, 92.0, 92.1, 91.8, 91.5, 87.7),
    256: (91.8, 92.0, 92.0, 91.9, 92.0, 91.6, 91.0, 89.0),
    128: (92.0, 91.9, 91.6, 91.6, 91.4, 91.1, 89.0),
    64: (91.7, 91.0, 90.7, 90.5, 89.9, 87.6),
    32: (90.8, 90.4, 89.9, 86.8, 85.9),
    16: (90.3, 88.9, 86.8, 78.3),
    8: (88.7, 86.7, 78.5),
    4: (88.0, 82.5),
    2: (80.5,),
}
# h_fwd, h_bwd -> top-1 in percent.
SWEEP = {(forward, forward >> place): percent for forward, row in ROWS.items() for place, percent in enumerate(row)}
