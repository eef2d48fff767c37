"""Two cores: one for the server under test, one for everything that loads it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

ALLOWED = sorted(os.sched_getaffinity(0))
LOAD, SERVER = ALLOWED[0], ALLOWED[-1]


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Pin this thread to *core*; what is started meanwhile inherits it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
