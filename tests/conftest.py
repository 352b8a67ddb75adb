"""What every test shares: a quiet Ray that leaves nothing in the developer's home, and deterministic single threads."""

import os

os.environ["RAY_AUTH_MODE"] = "disabled"  # otherwise ray.init() writes a token into the home directory
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("OMP_NUM_THREADS", "1")
