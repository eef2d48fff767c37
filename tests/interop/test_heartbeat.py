"""The monitor and the sender as programs, together and with plain sockets."""

import random
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.processes import Program, client_command, daemon, started, udp_socket


def beat(peer: socket.socket, number: int) -> None:
    peer.send(f"Heartbeat {number} {time.time():.6f}".encode())


def lost_numbers(monitor: Program) -> list[int]:
    """The beats that the monitor has reported lost."""
    lines = re.findall(r"heartbeats? ([\d, ]+) (?:was|were) lost", monitor.output)
    return [int(number) for line in lines for number in line.split(", ")]


def test_lost_stopped_and_up_again(tmp_path: Path) -> None:
    """Each lost beat is reported, a silence of 5 s once and in time, and the return."""
    with daemon(tmp_path, "netlab-heartbeat", "--timeout", "5") as monitor, udp_socket(monitor.port) as peer:
        name = f"127.0.0.1:{peer.getsockname()[1]}"
        for number in (1, 2, 5, 6, 8, 9, 10, 11, 12, 13):
            beat(peer, number)
            last = time.monotonic()
            time.sleep(0.02)
        monitor.wait_for(rf"{name} has stopped: no heartbeat for 5\.\d+ s \(10 received, 3 lost\)")
        silence = time.monotonic() - last
        assert lost_numbers(monitor) == [3, 4, 7]
        assert 5.0 <= silence <= 5.5
        time.sleep(0.5)
        beat(peer, 14)
        monitor.wait_for(rf"{name} is up again after 5\.\d+ s of silence")
        assert monitor.output.count("has stopped") == 1
        assert monitor.output.count(f"{name} is up") == 2
        assert lost_numbers(monitor) == [3, 4, 7]
        assert monitor.stop() == 0
        monitor.wait_for("11 heartbeats received, 0 other datagrams refused")


def test_difference(tmp_path: Path) -> None:
    """With --log-beats each beat is logged with its time difference; without, none is."""
    with daemon(tmp_path, "netlab-heartbeat", "--log-beats") as monitor, udp_socket(monitor.port) as peer:
        peer.send(f"Heartbeat 1 {time.time() - 2:.6f}".encode())
        beat(peer, 2)
        late, prompt = (
            float(monitor.wait_for(rf"heartbeat {number}: time difference (-?\d+\.\d+) ms")[1])
            for number in (1, 2)
        )
        assert 2000 <= late < 2500
        assert -1 < prompt < 500
    with daemon(tmp_path, "netlab-heartbeat") as monitor, udp_socket(monitor.port) as peer:
        for number in (1, 3):
            beat(peer, number)
        monitor.wait_for("heartbeat 2 was lost")
        assert "time difference" not in monitor.output


def test_out_of_order(tmp_path: Path) -> None:
    """A beat that comes late is said not to be lost, one that comes twice is told apart."""
    with (
        daemon(tmp_path, "netlab-heartbeat", "--timeout", "0.5") as monitor,
        udp_socket(monitor.port) as peer,
    ):
        now = time.time()
        for number in (1, 2, 4, 3, 4):
            peer.send(f"Heartbeat {number} {now + number / 1000:.6f}".encode())
        monitor.wait_for("heartbeat 4 came twice")
        assert lost_numbers(monitor) == [3]
        assert "heartbeat 3 came late, it is not lost" in monitor.output
        monitor.wait_for(r"has stopped: .* \(4 received, 0 lost\)")


def test_two_clients(tmp_path: Path) -> None:
    """One client that stops is named, while another beats on."""
    with (
        daemon(tmp_path, "netlab-heartbeat", "--timeout", "0.6") as monitor,
        udp_socket(monitor.port) as lively,
        udp_socket(monitor.port) as silent,
    ):
        beat(silent, 1)
        for number in range(1, 25):
            beat(lively, number)
            time.sleep(0.05)
        stopped = re.findall(r"(\S+) has stopped", monitor.output)
        assert stopped == [f"127.0.0.1:{silent.getsockname()[1]}"]


def test_stalled_monitor(tmp_path: Path) -> None:
    """A monitor that was held up itself reads what waits, and calls nobody stopped."""
    with daemon(tmp_path, "netlab-heartbeat", "--timeout", "1", "--log-beats") as monitor:
        command = client_command("heartbeat", "127.0.0.1", str(monitor.port), "--interval", "0.1")
        with started(tmp_path, *command) as sender:
            monitor.wait_for("heartbeat 3: ")
            monitor.send_signal(signal.SIGSTOP)
            time.sleep(2)
            sent = len(sender.lines)
            assert sent > 15
            monitor.send_signal(signal.SIGCONT)
            monitor.wait_for(rf"heartbeat {sent + 10}: ")
            assert sender.stop() == 0
        assert "has stopped" not in monitor.output
        assert lost_numbers(monitor) == []
        monitor.wait_for("has stopped: no heartbeat for 1")


def test_real_sender_that_stops(tmp_path: Path) -> None:
    """The monitor notices that our sender was killed, and a new one is a client of its own."""
    with daemon(tmp_path, "netlab-heartbeat", "--timeout", "0.5") as monitor:
        for times in (1, 2):
            with started(tmp_path, *client_command("heartbeat", "127.0.0.1", str(monitor.port))) as sender:
                monitor.wait_for(rf"(?s)(is up\n.*?){{{times}}}")
                sender.send_signal(signal.SIGKILL)
                sender.wait()
            monitor.wait_for(rf"(?s)(has stopped.*?){{{times}}}")
        assert monitor.output.count("is up\n") == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_sender(number: signal.Signals, tmp_path: Path) -> None:
    """A sender that is interrupted has done its work: status 0, and nothing on standard error."""
    with daemon(tmp_path, "netlab-heartbeat") as monitor:
        command = client_command("heartbeat", "127.0.0.1", str(monitor.port), "--interval", "0.1")
        with started(tmp_path, *command) as sender:
            sender.wait_for("Heartbeat 3 ")
            assert sender.stop(number) == 0
            assert all(re.fullmatch(r"Heartbeat \d+ \d+\.\d{6}", line) for line in sender.lines)


def test_monitor_that_comes_and_goes(tmp_path: Path) -> None:
    """A sender says once that nobody listens, and beats on until somebody does."""
    with udp_socket() as reserved:
        port = reserved.getsockname()[1]
    command = client_command("heartbeat", "127.0.0.1", str(port), "--interval", "0.1")
    with started(tmp_path, *command) as sender:
        sender.wait_for("Heartbeat 5 ")
        assert sender.output.count(f"127.0.0.1:{port} refused") == 1
        with daemon(tmp_path, "netlab-heartbeat", listen=f"127.0.0.1:{port}") as monitor:
            monitor.wait_for(" is up")
        assert sender.stop() == 0


def test_any_octets(tmp_path: Path) -> None:
    """Random octets, nothing at all, and the longest datagrams do not stop a monitor; it counts them."""
    chance = random.Random(11)
    datagrams = [chance.randbytes(chance.randrange(1, 1400)) for _ in range(300)]
    datagrams += [b""] * 100 + [chance.randbytes(65_507) for _ in range(10)]
    chance.shuffle(datagrams)
    with (
        daemon(tmp_path, "netlab-heartbeat", "--log-beats") as monitor,
        udp_socket(monitor.port) as peer,
    ):
        for number, datagram in enumerate(datagrams):
            peer.send(datagram)
            if number % 10 == 9:  # it keeps up
                beat(peer, number)
                monitor.wait_for(rf"heartbeat {number}: ")
        assert monitor.stop() == 0
        monitor.wait_for(rf"41 heartbeats received, {len(datagrams)} other datagrams refused")
        assert "Traceback" not in monitor.output


@pytest.mark.parametrize("words", ["{number} {time}", "{number},{time}", "Ping {number} {time}"])
def test_course_senders(words: str, tmp_path: Path) -> None:
    """What other implementations of the course send is understood as well."""
    with daemon(tmp_path, "netlab-heartbeat", "--log-beats") as monitor, udp_socket(monitor.port) as peer:
        for number in (1, 3):
            peer.send(words.format(number=number, time=time.time()).encode())
        monitor.wait_for("heartbeat 2 was lost")
        assert float(monitor.wait_for(r"heartbeat 3: time difference (-?\d+\.\d+) ms")[1]) < 500
