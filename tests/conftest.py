"""What every test shares: a quiet Ray, a home folder of the tests' own, and deterministic single threads."""

import atexit
import itertools
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path

import pytest

# Ray writes a token, and a folder for each Trainable, into the home of whoever runs it. Where several processes share the
# tests, the homes of the others lie in that of the one that starts them, which removes it at the end.
_HOME = tempfile.mkdtemp(prefix="tuner-tests-", dir=os.environ["HOME"] if "PYTEST_XDIST_WORKER" in os.environ else None)
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["HOME"] = _HOME
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("TUNER_STORAGE", None)

# Where Python is told to keep no bytecode, each of the hundreds of processes of the tests would compile torch and Ray anew,
# seconds each. It is kept then, but apart from the sources.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(__file__).parent.parent / ".pytest_cache" / "bytecode")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix

# What a shell runs in the background ignores Ctrl-C, and below nohup a closed terminal, and so would every process that it
# starts, also those that tests do it to. An ignored signal is inherited, a handler that does nothing is not.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

# Nothing of the machine's own account may reach a test; nodes and workers know the tests' own S3 server.
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]
SECRET = "this-is-the-secret-key"
with socket.socket() as _free:
    _free.bind(("127.0.0.1", 0))
    S3_PORT = _free.getsockname()[1]
os.environ |= {
    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{S3_PORT}",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_BUCKETS = itertools.count()


@pytest.fixture(scope="session")
def s3_server():
    """An S3 server in this process, for all tests that need one that stays."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=S3_PORT, verbose=False)
    server.start()
    yield
    server.stop()


@pytest.fixture
def bucket(s3_server):
    """A new bucket there."""
    from trainables.storage import S3Path, s3client

    s3client.client.cache_clear()
    name = f"bucket-{next(_BUCKETS)}"
    s3client.client().create_bucket(Bucket=name)
    yield S3Path(name)
    s3client.client.cache_clear()
