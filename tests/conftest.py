"""What every test shares: a quiet Ray, a home folder of the tests' own, and deterministic single threads."""

import atexit
import os
import shutil
import tempfile

# Ray writes a token, and a folder for each Trainable, into the home of whoever runs it.
_HOME = tempfile.mkdtemp(prefix="tuner-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["HOME"] = _HOME
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("OMP_NUM_THREADS", "1")
