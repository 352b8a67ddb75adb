"""One Chromium for every test that looks at a page."""

import pytest

from tests.tuner import browser as browsers


@pytest.fixture(scope="session")
def chromium():
    """The browser, or a skip where there is none."""
    if browsers.CHROMIUM is None or browsers.DRIVER is None:
        pytest.skip(browsers.MISSING)
    with browsers.chromium() as browser:
        yield browser
