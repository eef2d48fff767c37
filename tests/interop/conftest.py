"""What the tests with programs share."""

from collections.abc import Iterator

import pytest

from tests.processes import WWW, daemon


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of the sample site, served as long as the module's tests last."""
    with daemon(tmp_path_factory.mktemp("site"), "netlab-http", "--root", WWW) as web:
        yield f"http://127.0.0.1:{web.port}"
