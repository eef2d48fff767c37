"""
Fuzz the web server in memory, guided by coverage: no octets make it fail, log a failure or answer 500.

    pip install atheris
    PYTHONPATH=. python bench/fuzz/connection.py bench/fuzz/corpus -max_total_time=600 -max_len=2000

Every input is one connection, as `tests.http.test_corpus.speak` has it; what is found is kept in the
corpus, which that module replays.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["netlab"]):
    from twisted.logger import globalLogPublisher

    from tests.http.test_corpus import make_site, speak


def complain(event: dict[str, Any]) -> None:
    """What the server logs as a failure is one."""
    if "log_failure" in event:
        raise AssertionError(event["log_failure"])


def main() -> None:
    """Serve a small folder to the fuzzer."""
    globalLogPublisher.addObserver(complain)
    with tempfile.TemporaryDirectory() as name:
        make_site(Path(name))

        def connection(octets: bytes) -> None:
            if b"HTTP/1.1 500" in speak(Path(name), octets):
                raise AssertionError(octets)

        atheris.Setup(sys.argv, connection)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
