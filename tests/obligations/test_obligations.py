"""Our server keeps every obligation of both tables."""

from collections.abc import Iterator

import pytest

from tests.obligations.checks import Place, Row
from tests.obligations.rows import ROWS
from tests.obligations.rows_body import BODY_ROWS
from tests.obligations.servers import echo_server, file_server
from tests.obligations.site import Site, make_site


def listed(rows: tuple[Row, ...]) -> list[object]:
    """The rows as parameters, each with its number and source for a name."""
    return [pytest.param(row, id=f"{number:02} {row.source}") for number, row in enumerate(rows, start=1)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Place]:
    with file_server(tmp_path_factory.mktemp("files"), site) as place:
        yield place


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Place]:
    with echo_server(tmp_path_factory.mktemp("echo"), site) as place:
        yield place


def assert_kept(row: Row, place: Place) -> None:
    faults = row.judge(place).faults
    assert not faults, "\n".join(
        f"{row.required}: {fault.fault}\nsent {fault.sent[:600]!r}\nreceived {fault.received[:600]!r}"
        for fault in faults
    )


@pytest.mark.parametrize("row", listed(ROWS))
def test_files(row: Row, files: Place) -> None:
    """The server of files keeps the row."""
    assert_kept(row, files)


@pytest.mark.parametrize("row", listed(BODY_ROWS))
def test_bodies(row: Row, echo: Place) -> None:
    """The server keeps the row where an answer reads bodies, or in more than one step."""
    assert_kept(row, echo)
