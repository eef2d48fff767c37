"""
The prober: a datagram machine that sends pings by a schedule and tells each reply from the others.

A ping is outstanding until its reply comes or its time is up. Without a schedule one is outstanding
at a time, as the course has it. A reply belongs to the ping whose number it carries, whenever it
comes; each ping's fate is told once, and whatever else arrives is told as what it is.
"""

from typing import NamedTuple

from netlab.arguments import Address, address_text
from netlab.clocks import Instant, Reception
from netlab.errors import WireError
from netlab.ping.dialect import UNSYNCHRONISED, Answer, Corrupt, Dialect, Sent, Text
from netlab.ping.loss import DirectionMeter, Directions
from netlab.ping.ntp import ErrorEstimate, decode_time
from netlab.ping.rtt import RoundTrip, Stamps
from netlab.ping.sample import Clock, Sample, State
from netlab.ping.schedule import Schedule
from netlab.ping.window import Window

REMEMBERED = 1024  # timed-out pings whose time of sending is still known
MAX_OUTSTANDING = 65_536  # pings on their way at once; beyond it none is sent
UNSTAMPED = Reception()


class Probe(NamedTuple):
    """A ping to be sent; `place` names it to `departed` and `unsendable`."""

    datagram: bytes
    peer: Address
    place: int


class _Outstanding(NamedTuple):
    sent: Sent
    at: Instant
    lateness: float


class _Held(NamedTuple):
    """A sample that waits for the next reply to tell when its own has left the reflector."""

    sample: Sample
    sequence: int  # the reflector's
    written: int  # T3, nanoseconds
    until: float


class Prober:
    """
    Send pings to *reflector*; each waits *timeout* seconds at most for its reply.

    Without a *schedule* the next one is sent when the last one is settled. *count* None goes on until
    *duration* seconds are over, or for ever. *own_error* is how far our clock may be off.
    """

    def __init__(
        self,
        reflector: Address,
        count: int | None = 10,
        timeout: float = 1.0,
        dialect: Dialect | None = None,
        schedule: Schedule | None = None,
        duration: float | None = None,
        own_error: ErrorEstimate = UNSYNCHRONISED,
    ) -> None:
        if (count is not None and count < 1) or timeout <= 0 or (duration is not None and duration <= 0):
            raise ValueError("count is at least 1, timeout and duration more than 0 seconds")
        self.sent = 0
        self.missed = 0  # moments of the schedule at which nothing was sent
        self.reflector = reflector
        self.round_trip = RoundTrip(own_error)
        self._count = count
        self._timeout = timeout
        self._dialect = dialect or Text()
        self._schedule = schedule
        self._duration = duration
        self._end: float | None = None
        self._due: float | None = None
        self._index = 0  # of the next ping
        self._highest = -1  # index of the last ping, by number, whose reply has come
        self._outstanding: dict[int, _Outstanding] = {}
        self._lost: dict[int, _Outstanding] = {}
        self._seen = Window()
        self._stamps: dict[int, int] = {}  # index: when it left, by the kernel
        self._held: _Held | None = None
        self._unsent: set[int] = set()  # outstanding ones that have not left
        self._replies = 0  # all that could be placed, duplicates too
        self._directions = DirectionMeter()

    @property
    def finished(self) -> bool:
        """Every ping was sent, and was answered or given up."""
        return self._index == self._count and not self._outstanding and self._held is None

    @property
    def outstanding(self) -> int:
        """Pings whose fate was not told yet."""
        return len(self._outstanding) + (self._held is not None)

    @property
    def directions(self) -> Directions | None:
        """Losses by direction, where the reflector counts."""
        return self._directions.directions

    def stop(self) -> None:
        """Send no more; what is outstanding may still come."""
        self._count = self._index

    def outgoing(self, now: Instant) -> list[Probe]:
        """Send the ping that is due, if one is."""
        if self._index == self._count or not self._is_due(now.monotonic):
            return []
        lateness = 0.0
        if self._schedule is not None and self._due is not None:
            lateness = max(0.0, now.monotonic - self._due)
            self._due, missed = self._schedule.after(self._due, now.monotonic)
            self.missed += missed
            if len(self._outstanding) >= MAX_OUTSTANDING:
                self.missed += 1
                return []
        index, dialect = self._index, self._dialect
        self._index += 1
        datagram = dialect.request(self._number(index), now.wall_ns, self.sent)
        self.sent += 1
        self._outstanding[index] = _Outstanding(Sent(index, now.wall_ns, len(datagram)), now, lateness)
        self._seen.open(index)
        return [Probe(datagram, self.reflector, index)]

    def departed(self, index: int, ns: int) -> None:
        """Take note of when the kernel sent a ping."""
        if index in self._outstanding:
            self._stamps[index] = ns

    def unsendable(self, index: int) -> None:
        """Take note that our own system did not take a ping; it is told when its time is up."""
        if index in self._outstanding:
            self._unsent.add(index)
            self.sent -= 1

    def receive(
        self, datagram: bytes, peer: Address, now: Instant, reception: Reception = UNSTAMPED
    ) -> list[Sample]:
        """
        Take in a reply, a damaged one too.

        Raises:
            WireError: it is no reply to a ping of ours; nothing has changed.
        """
        try:
            return self.accept(datagram, peer, now, reception)
        except Corrupt as damage:
            return [damaged(damage)]

    def accept(
        self, datagram: bytes, peer: Address, now: Instant, reception: Reception = UNSTAMPED
    ) -> list[Sample]:
        """
        Take in a whole reply.

        Raises:
            Corrupt: it is damaged.
            WireError: it is no reply to a ping of ours. Either way nothing has changed.
        """
        if peer != self.reflector:
            raise WireError(f"foreign: from {address_text(peer)}")
        answer = self._dialect.answer(datagram)
        sample = self._place(answer, len(datagram), now, reception)
        if sample.state is not State.RECEIVED:
            return [sample]
        told = self.release(answer)
        if self._came_late(sample):  # and we are too late to have said that it was lost
            lost = Sample(sample.sequence, State.LOST, lateness=sample.lateness, place=sample.place)
            return [*told, lost, sample._replace(state=State.LATE)]
        if answer.follow_up is None or answer.sequence is None or sample.residence is None:
            return [*told, sample]
        assert answer.sent_ns is not None
        self._held = _Held(sample, answer.sequence, answer.sent_ns, now.monotonic + self._timeout)
        if self._index == self._count and not self._outstanding:  # no reply will follow
            told += self.release()
        return told

    def release(self, answer: Answer | None = None) -> list[Sample]:
        """Give up the sample that is held back, corrected by what *answer* tells of its reply's leaving."""
        held, self._held = self._held, None
        if held is None:
            return []
        told = None
        follow_up = None if answer is None else answer.follow_up
        if follow_up is not None and follow_up.sent and follow_up.sequence == held.sequence:
            told = decode_time(follow_up.sent, bool(answer and answer.error and answer.error.ptp))
        return [self.round_trip.correct(held.sample, held.written, told)]

    def deadline(self) -> float | None:
        """When a ping's time is up or the next one is due, on the monotonic clock."""
        moments = [self._held.until] if self._held is not None else []
        oldest = next(iter(self._outstanding.values()), None)
        if oldest is not None:
            moments.append(oldest.at.monotonic + self._timeout)
        if self._due is not None and self._index != self._count:
            moments.append(self._due)
        return min(moments, default=None)

    def expire(self, now: Instant) -> list[Sample]:
        """Give up the pings whose time is up."""
        samples: list[Sample] = []
        if self._held is not None and now.monotonic >= self._held.until:
            samples += self.release()
        while self._outstanding:
            index, ping = next(iter(self._outstanding.items()))
            if now.monotonic < ping.at.monotonic + self._timeout:
                break
            del self._outstanding[index]
            self._stamps.pop(index, None)
            state = State.UNSENT if index in self._unsent else State.LOST
            samples += self.release()  # the fates are told in their order
            samples.append(Sample(self._number(index), state, lateness=ping.lateness, place=index))
            self._unsent.discard(index)
            self._lost[index] = ping
            if len(self._lost) > REMEMBERED:
                del self._lost[next(iter(self._lost))]
        return samples

    def overdue(self, now: Instant) -> bool:
        """Tell whether `expire` would give up a ping; whatever waits to be read should be read before."""
        oldest = next(iter(self._outstanding.values()), None)
        return oldest is not None and now.monotonic >= oldest.at.monotonic + self._timeout

    def _came_late(self, sample: Sample) -> bool:
        """By the kernel's stamp alone: when we read a reply ourselves says when we were awake."""
        whole = (sample.rtt or 0.0) + (sample.residence or 0.0)
        return sample.received_by is Clock.KERNEL and whole > self._timeout

    def _is_due(self, now: float) -> bool:
        if self._index == 0:
            self._end = None if self._duration is None else now + self._duration
            self._due = None if self._schedule is None else self._due or self._schedule.begin(now)
        if self._end is not None and now >= self._end:
            self.stop()
            return False
        if self._schedule is None:
            return not self._outstanding
        return self._due is not None and now >= self._due

    def _number(self, index: int) -> int:
        return (index + self._dialect.first) % self._dialect.modulus

    def _index_of(self, number: int) -> int:
        """The latest ping with that number on the wire."""
        modulus = self._dialect.modulus
        latest = self._index - 1
        return latest - (latest + self._dialect.first - number) % modulus

    def _place(self, answer: Answer, length: int, now: Instant, reception: Reception) -> Sample:
        if answer.number is None:
            index = next(iter(self._outstanding), None)
            if index is None:
                raise WireError("foreign: a reply without a number, and no ping is outstanding")
        else:
            index = self._index_of(answer.number)
            if not self._seen.covers(index):
                raise WireError(f"foreign: ping {answer.number} was never sent, or too long ago")
        ping = self._outstanding.get(index)
        state = State.RECEIVED
        if ping is None:
            ping, state = self._lost.get(index), State.LATE
        if ping is not None:
            answer = self._dialect.check(answer, ping.sent, length)
        self._replies += 1
        if not self._seen.see(index):
            return Sample(self._number(index), State.DUPLICATE, reply=answer.words, place=index)
        stamps = Stamps(self._stamps.pop(index, None), reception.stamp_ns)
        self._outstanding.pop(index, None)
        self._lost.pop(index, None)
        reordered = index < self._highest
        self._highest = max(self._highest, index)
        if index == self._highest:  # only the newest ping's counters tell the present state
            self._directions.add(answer.number, answer.sequence, answer.direct, self._replies)
        if ping is None:  # lost so long ago that its time of sending is forgotten
            number = self._number(index)
            return Sample(number, State.LATE, reply=answer.words, reordered=reordered, place=index)
        return self.round_trip.sample(ping.at, now, stamps, answer)._replace(
            sequence=self._number(index),
            state=state,
            unnumbered=answer.number is None,
            lateness=ping.lateness,
            reordered=reordered,
            ttl=reception.ttl,
            tos=reception.tos,
            place=index,
        )


def damaged(damage: Corrupt) -> Sample:
    """The sample of a damaged reply."""
    return Sample(None, State.CORRUPT, reply=str(damage))
