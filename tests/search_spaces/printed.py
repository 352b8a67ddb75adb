"""Published tables as they were printed, to compare every cell of the spaces with: markdown, parsed by `parsed`."""

from __future__ import annotations


def parsed(table: str) -> list[dict[str, str]]:
    """The rows of a markdown table by the names of its columns; empty cells are left out."""
    lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.strip().splitlines()]
    names, _, *rows = lines
    return [{name: cell for name, cell in zip(names, row, strict=True) if cell} for row in rows]


# Online Normalization, poster: accuracy in percent by horizon of the forward (rows) and backward decay (columns).
DECAYS = """
| h_fwd | 4096 | 2048 | 1024 | 512 | 256 | 128 | 64 | 32 | 16 | 8 | 4 | 2 |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
| 4096 | 90.6 | 90.6 | 91.1 | 91.8 | 92.0 | 92.1 | 91.9 | 91.6 | 91.5 | 91.3 | 69.4 | 19.2 |
| 2048 | | 90.9 | 91.4 | 91.8 | 91.9 | 92.1 | 91.9 | 91.8 | 91.8 | 91.8 | 91.4 | 24.5 |
| 1024 | | | 90.9 | 91.8 | 92.1 | 92.1 | 92.1 | 92.1 | 92.2 | 91.8 | 91.5 | 85.8 |
| 512 | | | | 71.3 | 91.8 | 92.0 | 92.1 | 92.0 | 92.1 | 91.8 | 91.5 | 87.7 |
| 256 | | | | | 91.8 | 92.0 | 92.0 | 91.9 | 92.0 | 91.6 | 91.0 | 89.0 |
| 128 | | | | | | 92.0 | 91.9 | 91.6 | 91.6 | 91.4 | 91.1 | 89.0 |
| 64 | | | | | | | 91.7 | 91.0 | 90.7 | 90.5 | 89.9 | 87.6 |
| 32 | | | | | | | | 90.8 | 90.4 | 89.9 | 86.8 | 85.9 |
| 16 | | | | | | | | | 90.3 | 88.9 | 86.8 | 78.3 |
| 8 | | | | | | | | | | 88.7 | 86.7 | 78.5 |
| 4 | | | | | | | | | | | 88.0 | 82.5 |
| 2 | | | | | | | | | | | | 80.5 |
"""

# BatchNorm only, first figure of the paper: accuracy in percent.
COLUMNS = """
| net | all | BN only | BN alt. init | BN+shortcut+output | shortcut+output | nothing |
|---|---|---|---|---|---|---|
| 14 | 90.5 | 48.4 | 50.7 | 63.2 | 48.9 | 10.6 |
| 32 | 92.3 | 57.5 | 59.5 | 66.7 | 45.7 | 10.2 |
| 56 | 93.2 | 62.9 | 64.9 | 71.1 | 42.6 | 10.8 |
| 110 | 93.4 | 69.7 | 71.8 | 74.6 | 19.1 | 10.3 |
| 218 | 93.4 | 75.7 | 77.5 | 78.3 | 17.2 | 9.9 |
| 434 | 92.9 | 80.1 | 81.4 | 80.5 | 12.8 | 10.3 |
| 866 | 92.8 | 82 | 83.9 | 82.0 | 13.0 | 10.1 |
| 14_2 | 93.0 | 53.3 | 56.6 | 72.5 | 57.5 | 10.3 |
| 14_4 | 94.1 | 59.5 | 61.5 | 79.5 | 66.0 | 9.3 |
| 14_8 | 94.9 | 64.4 | 66.4 | 83.4 | 73.0 | 10.1 |
| 14_16 | 95.1 | 68.2 | 70.7 | 85.6 | 77.4 | 10.1 |
| 14_32 | 95.1 | 73.5 | 74.5 | 87.0 | 79.8 | 9.6 |
"""

# BatchNorm only, the reproduction in PyTorch: accuracy in percent of each run.
RUNS = """
| run | test |
|---|---|
| freeze_14 | 46.86 |
| freeze_14_1 | 47.53 |
| freeze_32 | 56.89 |
| freeze_56 | 62.61 |
| freeze_110 | 69.96 |
| freeze_218 | 76.03 |
| freeze_14_2 | 53.08 |
| freeze_14_4 | 58.02 |
| freeze_14_8 | 64.86 |
| resnet_14 | 89.85 |
| resnet_14_1 | 89.90 |
| resnet_32 | 91.93 |
| resnet_56 | 91.89 |
| resnet_110 | 92.17 |
| resnet_218 | 91.21 |
| resnet_14_2 | 91.76 |
| resnet_14_4 | 93.27 |
| resnet_14_8 | 94.29 |
"""

# Network Deconvolution, Table 2: top-1 / top-5 in percent.
TABLE_2 = """
| network | original | BN | ND |
|---|---|---|---|
| vgg11d | 69.02 / 88.63 | 70.38 / 89.81 | 71.95 / 90.49 |
| resnet18d | | 69.76 / 89.08 | 71.24 / 90.14 |
| densenet121d | | 74.65 / 92.17 | 75.73 / 92.75 |
"""
