"""A reactor and UDP ports in memory, for what opens its ports itself."""

from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet.task import Clock
from twisted.python.failure import Failure

from netlab.testing import MemoryPort

HERE = ("127.0.0.1", 4000)


class MemoryReactor(Clock):
    """A `Clock` whose threads run at once; `run` starts what was to be started, and then calls `during`."""

    def __init__(self) -> None:
        super().__init__()
        self._stopped = False
        self.during: Callable[[], object] = lambda: None
        self._starting: list[Callable[[], object]] = []
        self._stopping: list[Callable[[], object]] = []

    def getThreadPool(self) -> "MemoryReactor":
        return self

    def callInThreadWithCallback(self, told: Any, function: Any, *args: Any) -> None:
        try:
            result = function(*args)
        except Exception:
            told(False, Failure())
        else:
            told(True, result)

    def callFromThread(self, function: Any, *args: Any) -> None:
        function(*args)

    def callWhenRunning(self, function: Callable[[], object]) -> None:
        self._starting.append(function)

    def addSystemEventTrigger(self, phase: str, event: str, function: Callable[[], object]) -> None:
        assert (phase, event) == ("before", "shutdown")
        self._stopping.append(function)

    def run(self) -> None:
        for function in self._starting:
            function()
        self.during()
        assert self._stopped, "nobody stopped the reactor"
        for function in self._stopping:
            function()

    def stop(self) -> None:
        assert not self._stopped
        self._stopped = True


class OpenedPort(MemoryPort):
    """Stands for `DatagramPort`; `opened` lists those that listen, in their order."""

    opened: ClassVar[list["OpenedPort"]] = []

    def __init__(self, port: int, protocol: Any, interface: str, reactor: Any) -> None:
        self.interface = interface
        self.stopped = False
        self._wanted = protocol

    def startListening(self) -> None:
        self.opened.append(self)
        super().__init__(HERE, self._wanted)

    def stopListening(self) -> Any:
        self.stopped = True
        return super().stopListening()
