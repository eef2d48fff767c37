"""Alarms: by a timerfd where there is one, else by the reactor."""

import select
import time
from typing import Any
from unittest import mock

from twisted.internet.interfaces import IReactorFDSet
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from netlab import timer
from netlab.timer import Timer


@implementer(IReactorFDSet)
class Reactor:
    """Keeps the descriptors that it is to read."""

    def __init__(self) -> None:
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.remove(reader)

    addWriter = removeWriter = removeAll = getReaders = getWriters = mock.Mock()  # the interface has them


class ClockTests(SynchronousTestCase):
    """On a reactor without descriptors."""

    def test_alarm(self) -> None:
        """One alarm at a time, at its moment; none after it is cancelled."""
        clock, woken = Clock(), list[float]()
        alarm = Timer(clock, lambda: woken.append(clock.seconds()))
        alarm.set(9.0, 0.0)
        alarm.set(2.0, 0.0)
        clock.advance(2)
        alarm.set(3.0, 2.0)
        alarm.cancel()
        clock.advance(9)
        self.assertEqual(woken, [2.0])
        alarm.set(1.0, 11.0)
        clock.advance(0)
        self.assertEqual(woken, [2.0, 11.0])
        alarm.close()
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_elsewhere(self) -> None:
        """Where the system has no timerfd the reactor's own timers do."""
        self.patch(timer, "sys", mock.Mock(platform="darwin"))
        reactor: Any = Reactor()
        reactor.callLater = mock.Mock()
        Timer(reactor, lambda: None).set(5.0, 4.0)
        reactor.callLater.assert_called_once()


class DescriptorTests(SynchronousTestCase):
    """With a timerfd."""

    def setUp(self) -> None:
        self.reactor, self.woken = Reactor(), 0
        self.alarm = Timer(self.reactor, self.wake)
        (self.descriptor,) = self.reactor.readers

    def wake(self) -> None:
        self.woken += 1

    def is_ready(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self.descriptor.fileno(), select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def test_alarm(self) -> None:
        """The descriptor is readable from the moment on, and reading it wakes once."""
        now = time.monotonic()
        self.alarm.set(now + 0.005, now)
        self.assertTrue(self.is_ready(5))
        self.assertGreaterEqual(time.monotonic(), now + 0.005)
        self.descriptor.doRead()
        self.descriptor.doRead()
        self.assertEqual(self.woken, 1)
        self.alarm.set(0.0, now)  # long past
        self.assertTrue(self.is_ready(5))
        self.alarm.close()

    def test_cancelled(self) -> None:
        """A cancelled alarm does not wake; a closed one leaves nothing behind, though it is closed twice."""
        now = time.monotonic()
        self.alarm.set(now, now)
        self.alarm.cancel()
        self.assertFalse(self.is_ready(0))
        self.assertEqual(self.descriptor.logPrefix(), "timer")
        self.descriptor.connectionLost("the reactor stops")
        self.alarm.close()
        self.alarm.close()
        self.assertEqual(self.reactor.readers, [])
