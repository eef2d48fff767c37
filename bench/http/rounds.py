"""Which server is loaded when: in turns, so that what changes on the machine meets all alike."""

import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from . import load, measure, site
from .cases import CASES, SPARED, Case
from .report import Results
from .servers import SERVERS, Absent, NotStarted, Running


def measured(names: Sequence[str], cases: Sequence[Case], rounds: int, seconds: int) -> Results:
    """Measure the servers *names* under all *cases*, *rounds* times; what is absent or fails is told."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-http-")))
        turns = _Turns(cases, seconds, folder, stack)
        turns.start(names)
        for number in range(1, rounds + 1):
            for case in cases:
                for name in list(turns.results.versions):
                    turns.take(number, case, name)
        return turns.results


class _Turns:
    def __init__(self, cases: Sequence[Case], seconds: int, folder: Path, stack: ExitStack) -> None:
        self.results = Results(cases, seconds)
        self._seconds, self._folder, self._stack = seconds, folder, stack
        self._root = folder / "site"
        self._running: dict[str, Running] = {}
        self._began = time.monotonic()
        site.write(self._root)

    def start(self, names: Sequence[str]) -> None:
        """Start every server that is present, and warm it; an idle one costs the others nothing."""
        for name in names:
            try:
                version = SERVERS[name].version()
                running = Running(SERVERS[name], self._root, self._folder / name)
                self._stack.callback(running.stop)
                load.run(CASES[0], running.port, 1, self._folder)
            except Absent as error:
                self.results.absent[name] = f"absent; to have it: {error}"
                continue
            except (NotStarted, load.LoadFailed) as error:
                self.results.absent[name] = self.results.broken[name] = str(error)
                continue
            self.results.versions[name], self._running[name] = version, running

    def take(self, number: int, case: Case, name: str) -> None:
        """Measure one server once, unless it is spared or has failed in this case before."""
        key = (case.name, name)
        if (name, case.name) in SPARED or key in self.results.failures:
            return
        elapsed = time.monotonic() - self._began
        print(f"{elapsed:4.0f} s: round {number}, {case.name}, {name}", file=sys.stderr)
        try:
            figures = self._alone(number, case, name) if case.idle else self._load(case, self._running[name])
        except (measure.Failed, NotStarted) as error:
            self.results.failures[key] = f"round {number}: {error}"
        else:
            self.results.rounds.setdefault(key, []).append(figures)

    def _alone(self, number: int, case: Case, name: str) -> measure.Figures:
        # A server of its own: memory that was used once is not given back.
        folder = self._folder / f"{name}-{case.name}-{number}"
        running = Running(SERVERS[name], self._root, folder)
        try:
            return self._load(case, running)
        finally:
            running.stop()

    def _load(self, case: Case, running: Running) -> measure.Figures:
        return measure.run(case, running, self._seconds, self._root, self._folder)
