"""One small Ray cluster for all tests that need one: starting it costs more than most of them."""

import pytest


@pytest.fixture(scope="session")
def cluster():
    """A running Ray with two CPUs that this process is connected to; its address for other processes."""
    import ray

    ray.init(
        "local",
        num_cpus=2,
        num_gpus=0,
        include_dashboard=False,
        object_store_memory=100 * 1024**2,
        log_to_driver=False,
        logging_level="error",
    )
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()
