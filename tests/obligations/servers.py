"""The servers that the tables are asked of, each a process of its own on 127.0.0.1."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.obligations.checks import Place
from tests.obligations.site import Site
from tests.processes import ROOT, Program, daemon, started


@contextmanager
def file_daemon(folder: Path, site: Site, *options: str) -> Iterator[tuple[Program, Place]]:
    """Run the web server as one would; its output goes to *folder*."""
    with daemon(folder, "netlab-http", "--root", site.root, *options) as program:
        yield program, Place("127.0.0.1", program.port, site)


@contextmanager
def file_server(folder: Path, site: Site) -> Iterator[Place]:
    """Serve the site's files, and nothing else."""
    with file_daemon(folder, site) as (_, place):
        yield place


@contextmanager
def echo_server(folder: Path, site: Site) -> Iterator[Place]:
    """Serve an embedder's echo, and the site's files; with a quick server beside it."""
    with _embedder(folder, site) as patient, _embedder(folder, site, "--quick") as quick:
        yield Place("127.0.0.1", patient, site, Place("127.0.0.1", quick, site))


@contextmanager
def _embedder(folder: Path, site: Site, *options: str) -> Iterator[int]:
    command = (sys.executable, "-m", "tests.obligations.embedder", site.root, *options)
    with started(folder, *command, cwd=ROOT) as program:
        program.wait_for(" starting on ")
        yield program.port
