"""
The monitor: a datagram machine that knows which clients are alive.

    datagram -> wire.decode -> signature -> ledger -> state -> events
    tick     -> sight       -> wheel     -> detector -> state -> events

A client is whom its `id=` names, or else a source address. A beat with a number above all before, or
of a new incarnation, proves it alive and writes down when; nothing else is done for it. Deadlines are
looked at when the wheel comes to them, on the monotonic clock.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from typing import Any

from netlab.arguments import Address
from netlab.clocks import Instant
from netlab.errors import WireError
from netlab.heartbeat import wire
from netlab.heartbeat.client import ORDINARY_RULE, PHASES, Client, ClientRule
from netlab.heartbeat.detector import Detector, Fixed
from netlab.heartbeat.entry import ORDINARY, Entry
from netlab.heartbeat.events import (
    Beaten,
    Blinded,
    Changed,
    ClockStepped,
    Event,
    Moved,
    Restored,
    Sighted,
)
from netlab.heartbeat.fleet import Fleet, Part, alone
from netlab.heartbeat.ledger import Ledger
from netlab.heartbeat.sight import EVERYBODY, Sight
from netlab.heartbeat.signing import Keyring
from netlab.heartbeat.states import JUDGED, Cause, State, after
from netlab.heartbeat.wheel import Wheel

__all__ = ["PHASES", "ClientRule", "Monitor", "Policy"]

STEP = 0.025  # seconds of a bucket of the wheel
OVERDUE = 2.5  # intervals of silence after which a client is late
FIRST = 1.0  # seconds after which one of unknown interval is looked at again
AHEAD = 60.0  # seconds; nobody is left unlooked at for longer
RECKON = 64  # beats after which a patience is reckoned anew, at most
QUIET = 5.0  # seconds, at least, in which signs of two senders belong together
RIVALS = 3  # such signs are two senders
JUDGEMENTS = 20_000  # clients looked at before beats have their turn
RECKONINGS = 1_000  # of them, those whose patience is reckoned anew though they are not silent
REPLIES = ("none", "ack", "upper")
NOWHERE = ("0.0.0.0", 0)  # the address of one that was never heard

Rules = Callable[[str | None, Address], ClientRule | None]


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for all clients that have no rule of their own."""

    detector: Detector = field(default_factory=lambda: Fixed(5.0))
    phase: str = "enforce"  # one of `PHASES`
    max_clients: int = 131_072
    max_per_source: int = 131_072  # clients of one IP address
    admit_unknown: bool = True  # clients that no rule names
    reply: str = "none"  # one of `REPLIES`

    def __post_init__(self) -> None:
        if self.phase not in PHASES or self.reply not in REPLIES:
            raise ValueError(f"{self.phase!r} or {self.reply!r} is not known")
        if self.max_clients < 1 or self.max_per_source < 1:
            raise ValueError("there has to be room for a client")


class NotOurs(Exception):
    """A beat of a client, by identity or else address, that another monitor owns."""

    def __init__(self, identity: str | None, address: Address) -> None:
        super().__init__(identity, address)
        self.identity = identity
        self.address = address


class Monitor:
    """
    Watch clients by *policy*.

    *rules* says what its owner says of a client, None of a stranger; *keyring* has the keys of signed
    ones. With *wants_beats* every beat makes an event, else only what is worth a word. Where several
    monitors share the clients, *fleet* knows of the others, and *owns* says whether one of an identity,
    or else address, is ours.
    """

    def __init__(
        self,
        policy: Policy = Policy(),
        keyring: Keyring | None = None,
        rules: Rules | None = None,
        wants_beats: bool = False,
        fleet: Fleet | None = None,
        owns: Callable[[str | None, Address | None], bool] | None = None,
    ) -> None:
        self.policy = policy
        self.wants_beats = wants_beats
        self.sight = Sight()
        self.beats = 0  # of all clients together, late and duplicate ones included
        self.admitted = 0  # clients, those that are gone among them
        self.unverified = 0  # wrong signatures that were let pass (receive-only)
        self.refused: Counter[str] = Counter()  # datagrams by reason
        self._fleet = fleet or alone()
        self._others = self._fleet.others()
        self._owns = owns
        self._keyring = keyring
        self._rules = rules or (lambda identity, address: None)
        self._clients: dict[str | Address, Client] = {}
        self._gone: OrderedDict[str | Address, None] = OrderedDict()  # down or stopped, the longest first
        self._sources: Counter[str] = Counter()
        self._wheel: Wheel[Client] = Wheel(STEP)
        self._answers = policy.reply != "none"
        self.replies: list[tuple[bytes, Address]] = []
        self._alive = 0  # clients that are up, late or in conflict
        self._heard = -inf  # when anybody was proven alive, monotonic seconds

    # What comes.

    def receive(self, datagram: bytes, peer: Address, now: Instant) -> Iterable[Event]:
        """
        Take in one beat.

        Raises:
            WireError: it is no heartbeat, its signature is wrong or missing, or there is no room for it.
            NotOurs: it is of a client that another monitor owns.
        """
        try:
            beat = wire.decode(datagram)
        except WireError:
            self.refused["malformed"] += 1
            raise
        _, _, identity, _, _, interval, _, status, _, _, _, _, _, mac = beat
        key = identity or peer
        client = self._clients.get(key)
        verified = False
        if mac is not None or (client is not None and client.signed):
            verified = self._verify(datagram, beat, client, peer)
        if client is None:
            client = self._admit(key, beat, peer, verified, now)
        if verified and not client.signed:
            client.signed = True
            if client.state is not State.NEW:  # what others have said in its name is worth nothing
                client.ledger = Ledger()
        entry = client.ledger.enter(beat, now, verified)
        self.beats += 1
        if self._answers:
            self._reply(datagram, beat, peer)
        if (
            entry is ORDINARY
            and client.state is _UP
            and interval == client.told
            and (client.address is peer or client.address == peer)
            and (status is None or status == "ok")
            and client.memory is None
            and not self.wants_beats
        ):
            client.heard = self._heard = now.monotonic
            return ()
        return self._take(client, beat, peer, entry, now)

    def _take(
        self, client: Client, beat: wire.Beat, peer: Address, entry: Entry, now: Instant
    ) -> list[Event]:
        events: list[Event] = []
        if entry.alive:
            silence = now.monotonic - client.heard
            client.heard = self._heard = now.monotonic
            if client.memory is not None:
                client.memory.heard(now.monotonic)
            events += self._where(client, peer, now)
            events += self._say(client, beat, silence, now)
        elif client.former == peer and not client.signed:  # who has moved away beats on
            events += self._rival(client, now)
        if self.wants_beats or (entry != ORDINARY and not self.sight.blind):  # else the loss may be our own
            difference = None if beat.sent_ns is None else (now.wall_ns - beat.sent_ns) / 1e9
            events.append(Beaten(now.wall_ns, client.id, peer, beat, difference, entry))
        return events

    def _say(self, client: Client, beat: wire.Beat, silence: float, now: Instant) -> Iterator[Event]:
        """Do what a beat, that proves its client alive after so much *silence*, says of it."""
        told_anew = beat.interval != client.told
        client.told, client.mult = beat.interval, beat.mult
        state = client.state
        if beat.status == "bye":
            yield from self._move(client, Cause.GOODBYE, _farewell(beat.exit), now)
        elif beat.status == "maint":
            yield from self._move(client, Cause.LEAVE, "it says that it will be silent", now)
        elif state is State.MAINTENANCE:
            if beat.status == "ok" and not client.rule.maintenance:
                yield from self._move(client, Cause.RESUME, "it is back from maintenance", now)
        elif state is State.CONFLICT:
            if now.monotonic - client.rivalled > 2 * max(client.patience, QUIET):
                yield from self._move(client, Cause.RESUME, "one sender is left", now)
        elif state is not State.UP:
            known = None if state is State.NEW else silence
            yield from self._move(client, Cause.BEAT, "it beats", now, known)
        if told_anew and client.state in JUDGED:
            self._reckon(client)
            self._look_again(client, now.monotonic)

    def _where(self, client: Client, peer: Address, now: Instant) -> Iterator[Event]:
        """See where a beat comes from: a client may move, but who moves back and forth is two."""
        before = client.address
        if before == peer:
            return
        client.address = peer
        back = client.former == peer
        client.former = before
        if back:
            yield from self._rival(client, now)
        elif before is None:
            self._sources[peer[0]] += 1
        if before is not None and before[0] != peer[0]:
            self._leave(before[0])
            self._sources[peer[0]] += 1
            yield Moved(now.wall_ns, client.id, peer, before)

    def _rival(self, client: Client, now: Instant) -> Iterator[Event]:
        """Take a sign that there are two senders; a few may be beats that were overtaken."""
        recent = now.monotonic - client.rivalled <= max(client.patience, QUIET)
        client.rivalled = now.monotonic
        client.rivals = client.rivals + 1 if recent else 1
        if client.rivals >= RIVALS:
            yield from self._move(client, Cause.RIVAL, "two senders use its name", now)

    def _verify(self, datagram: bytes, beat: wire.Beat, client: Client | None, peer: Address) -> bool:
        """
        Tell whether a beat's signature is right.

        Raises:
            WireError: it is not, or there is none, and that does not do.
        """
        if self._keyring is None:
            return False
        if beat.mac is not None and self._keyring.verify(datagram, beat):
            return True
        phase = self.policy.phase if client is None else client.phase
        if client is None:
            rule = self._rules(beat.id, peer)
            phase = (rule.phase if rule is not None else None) or phase
        if beat.mac is None:
            if phase == "enforce":
                self.refused["unsigned"] += 1
                raise WireError(f"{beat.id} has to sign, and does not")
            return False
        if phase == "receive-only":
            self.unverified += 1
            return False
        self.refused["signature"] += 1
        raise WireError(f"the signature of {beat.id} is wrong")

    def _admit(
        self, key: str | Address, beat: wire.Beat, peer: Address, verified: bool, now: Instant
    ) -> Client:
        if self._owns is not None and not self._owns(beat.id, peer):
            raise NotOurs(beat.id, peer)
        rule = self._rules(beat.id, peer)
        if rule is None and not self.policy.admit_unknown:
            self.refused["unknown"] += 1
            raise WireError("no rule names this client, and strangers are refused")
        if rule is not None and self._has_to_sign(rule) and not verified:
            self.refused["unsigned"] += 1
            raise WireError(f"{beat.id or 'this client'} has to sign, and does not")
        if self._sources[peer[0]] >= self.policy.max_per_source:
            self.refused["source"] += 1
            raise WireError(f"{self.policy.max_per_source} clients come from that address already")
        if len(self._clients) + self._others.clients >= self.policy.max_clients:
            if not self._gone:
                self.refused["room"] += 1
                raise WireError(f"no room: {self.policy.max_clients} clients are alive already")
            self._forget(self._clients[next(iter(self._gone))])
        return self._add(key, peer, rule or ORDINARY_RULE, now)

    def _has_to_sign(self, rule: ClientRule) -> bool:
        return self._keyring is not None and rule.phase == "enforce"

    def _add(self, key: str | Address, address: Address | None, rule: ClientRule, now: Instant) -> Client:
        policy = self.policy
        client = Client(key, address, rule.detector or policy.detector, rule.phase or policy.phase)
        client.rule = rule
        client.signed = self._has_to_sign(rule)
        client.since_ns = now.wall_ns
        client.heard = now.monotonic
        if rule.paused:
            client.state, client.cause = State.PAUSED, "its owner's rule"
        elif rule.maintenance:
            client.state, client.cause = State.MAINTENANCE, "its owner's rule"
        self._clients[key] = client
        self.admitted += 1
        if address is not None:
            self._sources[address[0]] += 1
        return client

    def _forget(self, client: Client) -> None:
        del self._clients[client.key]
        self._gone.pop(client.key, None)
        self._wheel.take(client)
        if client.address is not None:
            self._leave(client.address[0])

    def _leave(self, host: str) -> None:
        self._sources[host] -= 1
        if self._sources[host] <= 0:
            del self._sources[host]

    def _reply(self, datagram: bytes, beat: wire.Beat, peer: Address) -> None:
        if self.policy.reply == "upper":
            self.replies.append((datagram.upper(), peer))
        else:
            number = "" if beat.sequence is None else f" {beat.sequence}"
            self.replies.append((f"ACK{number}".encode()[: len(datagram)], peer))

    def outgoing(self, now: Instant) -> list[tuple[bytes, Address]]:
        """Give up the replies: none is longer than what it answers."""
        replies, self.replies = self.replies, []
        return replies

    # Judging.

    def deadline(self) -> float | None:
        """When the wheel wants to be looked at, on the monotonic clock."""
        return self._wheel.next()

    def expire(self, now: Instant, read_until: float | None = None) -> list[Event]:
        """
        Judge; call this often, once all that waits in the queue was received.

        Where it was not, those are judged whose time was over by *read_until*, monotonic seconds: what
        came before then was received.
        """
        events: list[Event] = []
        sight = self.sight
        self._fleet.tell(Part(self._heard, len(self._clients), self._alive))
        self._others = self._fleet.others()
        moment = now.monotonic if read_until is None else read_until
        stalled = sight.stall(now)
        stepped = sight.step(now)
        behind = sight.behind(now.monotonic, moment)
        if stepped:
            events.append(ClockStepped(now.wall_ns, stepped))
        if stalled:
            events.append(self._blinded(f"the monitor itself was held up for {stalled:.3f} s", stalled, now))
        elif behind:
            events.append(self._blinded(f"its own queue is read {behind:.3f} s too late", behind, now))
        seconds = sight.regain(now.monotonic, max(self._heard, self._others.heard))
        if seconds is not None:
            events.append(Sighted(now.wall_ns, seconds))
        if not sight.blind:
            events += self._judge_due(now, moment)
        return events

    def _judge_due(self, now: Instant, moment: float) -> Iterator[Event]:
        """Judge who is to be looked at by *moment*, by what is known of then."""
        sight, wheel = self.sight, self._wheel
        judging_from = sight.judging_from
        reckonings = RECKONINGS
        for client in islice(wheel.due(moment), JUDGEMENTS):
            heard = client.heard
            when = (heard if heard > judging_from else judging_from) + client.span
            if when > moment and client.state is _UP:  # it has beaten, as nearly all have
                if client.ledger.beats >= client.judge_at and reckonings:
                    reckonings -= 1
                    self._reckon(client)
                    self._look_again(client, moment)
                else:
                    wheel.put(client, min(when, moment + AHEAD))
                continue
            yield from self._judge(client, now, moment)
            if sight.blind:
                break

    def overflowed(self, dropped: int, now: Instant) -> list[Event]:
        """Our own queue has dropped so many datagrams since this was last said."""
        if self.sight.overflowed(now.monotonic):
            return [self._blinded(f"its own queue overflowed, {dropped} datagrams were dropped", 0.0, now)]
        return []

    def slept(self, seconds: float, now: Instant) -> list[Event]:
        """The machine was suspended for so long."""
        self.sight.slept(seconds)
        return [self._blinded(f"the machine was asleep for {seconds:.3f} s", seconds, now)]

    def _blinded(self, cause: str, seconds: float, now: Instant) -> Blinded:
        self.sight.lose(now.monotonic - seconds)
        return Blinded(now.wall_ns, cause, self._alive)

    def _judge(self, client: Client, now: Instant, moment: float) -> Iterator[Event]:
        if client.state not in JUDGED:
            return
        began = max(client.heard, self.sight.judging_from)
        silence = moment - began
        if silence >= client.patience:
            self._reckon(client)
        if silence < client.patience:
            yield from self._wait(client, silence, now, moment)
        elif self._nobody_is_heard(client, began):
            self.sight.everybody_silent(now.monotonic)
            self._wheel.put(client, moment + STEP)
            alive = self._alive + self._others.alive
            yield self._blinded(f"not one of {alive} clients is heard any more", 0.0, now)
        else:
            client.deadline = began + client.patience
            gone = moment - client.heard
            cause = (
                f"no heartbeat for {gone:.3f} s" if client.state is not State.NEW else "it was never heard"
            )
            yield from self._move(client, Cause.SILENCE, cause, now, gone)

    def _wait(self, client: Client, silence: float, now: Instant, moment: float) -> Iterator[Event]:
        """It is not down: perhaps late; look again when that may change."""
        interval = client.interval
        if interval and silence >= OVERDUE * interval and client.state is State.UP:
            yield from self._move(client, Cause.OVERDUE, f"no heartbeat for {silence:.3f} s", now, silence)
        self._look_again(client, moment)

    def _nobody_is_heard(self, client: Client, began: float) -> bool:
        heard = max(self._heard, self._others.heard)
        return self._alive + self._others.alive >= EVERYBODY and heard <= began + max(client.interval, STEP)

    def _look_again(self, client: Client, now: float) -> None:
        interval = client.interval
        client.span = client.patience
        if client.state is State.UP:
            client.span = min(client.span, OVERDUE * interval if interval else FIRST)
        when = max(client.heard, self.sight.judging_from) + client.span
        if client.place >= 0 and client.place * STEP <= when:
            return  # it is looked at before
        self._wheel.put(client, min(max(when, now), now + AHEAD))

    def _reckon(self, client: Client) -> None:
        """Ask the detector: the more seldom the longer a client is known, since its signs change slowly."""
        beats = client.ledger.beats
        client.patience = client.detector.patience(client.signs(len(self._clients) + self._others.clients))
        client.judge_at = beats + min(beats, RECKON)

    # States.

    def _move(
        self, client: Client, cause: Cause, why: str, now: Instant, silence: float | None = None
    ) -> Iterator[Event]:
        """Take a client from its state to the next one, if there is one, and say so."""
        before = client.state
        state = after(before, cause)
        if state is before:
            return
        client.state, client.cause, client.since_ns = state, why, now.wall_ns
        self._alive += (state in _LIVING) - (before in _LIVING)
        if state in (State.DOWN, State.STOPPED):
            self._gone[client.key] = None
        else:
            self._gone.pop(client.key, None)
        deadline = None
        if state in JUDGED:
            client.deadline = None
            if before not in JUDGED or client.place < 0:
                self._reckon(client)
                self._look_again(client, now.monotonic)
        elif state is State.DOWN and client.deadline is not None:
            deadline = now.wall_ns - round((now.monotonic - client.deadline) * 1e9)
        ledger = client.ledger
        yield Changed(
            now.wall_ns,
            client.id,
            client.address,
            before,
            state,
            why,
            silence,
            ledger.beats,
            ledger.lost,
            deadline,
        )

    def pause(self, identity: str, now: Instant) -> list[Event]:
        """Judge a client no more. Raises: KeyError: there is none of that name."""
        return list(self._move(self._named(identity), Cause.PAUSE, "paused by hand", now))

    def maintenance(self, identity: str, now: Instant) -> list[Event]:
        """Expect a client to be silent. Raises: KeyError: there is none of that name."""
        return list(self._move(self._named(identity), Cause.LEAVE, "announced by hand", now))

    def resume(self, identity: str, now: Instant) -> list[Event]:
        """Judge a client again, with its whole deadline. Raises: KeyError: there is none of that name."""
        client = self._named(identity)
        client.heard = now.monotonic
        client.former = None
        return list(self._move(client, Cause.RESUME, "resumed by hand", now))

    def expect(self, identity: str, rule: ClientRule, now: Instant) -> None:
        """Watch for a client by its *identity* though it was never heard; it is down if it is not in time."""
        if identity in self._clients or len(self._clients) >= self.policy.max_clients:
            return
        if self._owns is not None and not self._owns(identity, None):
            return
        client = self._add(identity, None, rule, now)
        self._reckon(client)
        self._look_again(client, now.monotonic)

    def obey(self, policy: Policy, keyring: Keyring | None, rules: Rules, now: Instant) -> list[Event]:
        """Go by another policy, keys and rules from now on, also with the clients that are known."""
        self.policy, self._keyring, self._rules = policy, keyring, rules
        self._answers = policy.reply != "none"
        events: list[Event] = []
        for client in list(self._clients.values()):
            identity = client.key if isinstance(client.key, str) else None
            rule = rules(identity, client.address or NOWHERE) or ORDINARY_RULE
            events += self._rule(client, rule, now)
        return events

    def _rule(self, client: Client, rule: ClientRule, now: Instant) -> Iterator[Event]:
        """Put a client under another rule."""
        before, client.rule = client.rule, rule
        client.phase = rule.phase or self.policy.phase
        detector = rule.detector or self.policy.detector
        if detector != client.detector:
            client.detector, client.memory = detector, detector.memory()
        if self._has_to_sign(rule) and not client.signed:
            client.signed = True
            client.ledger = Ledger()  # what others have said in its name is worth nothing
        why = "its owner's rule"
        ruled = {State.PAUSED: before.paused, State.MAINTENANCE: before.maintenance}
        if rule.paused:
            yield from self._move(client, Cause.PAUSE, why, now)
        elif rule.maintenance:
            yield from self._move(client, Cause.LEAVE, why, now)
        elif ruled.get(client.state):
            client.heard = now.monotonic
            yield from self._move(client, Cause.RESUME, why, now)
        if client.state in JUDGED:
            self._reckon(client)
            self._look_again(client, now.monotonic)

    def _named(self, identity: str) -> Client:
        client = self._clients.get(identity)
        if client is None:
            client = next((one for one in self._clients.values() if one.id == identity), None)
        if client is None:
            raise KeyError(identity)
        return client

    # What is known.

    def clients(self) -> Collection[Client]:
        """All clients, in the order of their coming."""
        return self._clients.values()

    def state_of(self, client: Client) -> State:
        """A client's state now; whoever was alive when the monitor lost its sight is blind."""
        return after(client.state, Cause.BLINDED) if self.sight.blind else client.state

    def deadline_of(self, client: Client) -> float | None:
        """When a client's silence is, or was, too long, monotonic seconds; None: it is not judged."""
        if client.state not in JUDGED:
            return client.deadline
        return max(client.heard, self.sight.judging_from) + client.patience

    def counts(self) -> dict[State, int]:
        """How many clients are in each state."""
        counts = Counter(self.state_of(client) for client in self._clients.values())
        return {state: counts[state] for state in State}

    def dump(self, client: Client, now: Instant) -> tuple[Any, ...]:
        """All that a restart must not forget of a client, as plain values."""
        return (
            client.key if isinstance(client.key, str) else list(client.key),
            None if client.address is None else list(client.address),
            client.state.value,
            client.since_ns,
            client.cause,
            client.signed,
            client.told,
            client.mult,
            list(client.ledger.state(now)),
            client.ledger.late,
        )

    def load(self, dumps: Iterable[Any], saved_ns: int, final: bool, now: Instant) -> list[Event]:
        """
        Take up clients that were dumped; whoever was alive has a whole deadline from *now* on.

        Raises:
            ValueError: one of them is no dump.
        """
        count = 0
        for dump in dumps:
            self._load_one(dump, now)
            count += 1
        away = (now.wall_ns - saved_ns) / 1e9
        self.sight.judging_from = now.monotonic
        return [Restored(now.wall_ns, count, away if away >= 0 else None, final)]

    def _load_one(self, dump: Any, now: Instant) -> None:
        try:
            key, address, state, since_ns, cause, signed, told, mult, ledger, *late = dump
            key = key if isinstance(key, str) else (str(key[0]), int(key[1]))
            address = None if address is None else (str(address[0]), int(address[1]))
            known, restored = State(state), Ledger.restore(tuple(ledger), now)
            if late:  # else it was written down when reordered ones were not counted by themselves
                restored.late = int(late[0])
        except (TypeError, ValueError, IndexError) as error:
            raise ValueError(f"no client's dump: {error}") from error
        identity = key if isinstance(key, str) else None
        rule = self._rules(identity, address or NOWHERE) or ORDINARY_RULE
        client = self._add(key, address, rule, now)
        client.ledger = restored
        client.signed, client.told, client.mult = bool(signed), told, mult
        if client.state is State.NEW:  # no rule says otherwise
            client.state, client.since_ns, client.cause = known, int(since_ns), str(cause)
        if client.state in (State.DOWN, State.STOPPED):
            self._gone[key] = None
        self._alive += client.state in _LIVING
        if client.state in JUDGED:
            self._reckon(client)
            self._look_again(client, now.monotonic)


_UP = State.UP  # read with every beat: an Enum takes its time
_LIVING = (State.UP, State.LATE, State.CONFLICT)


def _farewell(exit_: int | None) -> str:
    if exit_ is None:
        return "it said goodbye"
    if exit_ < 0:
        return f"its program was ended by signal {-exit_}"
    return f"its program ended with status {exit_}"
