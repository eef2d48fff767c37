"""The command line: what each command is given, and how wrong usage ends."""

import socket
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

import click
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.clients import __main__ as program
from netlab.clients import heartbeat, http, ping
from netlab.clients.heartbeat import Wanted as Beating
from netlab.clients.http import Wanted
from netlab.clients.ping import Output
from netlab.clients.running import WRONG_USAGE
from netlab.heartbeat.style import Style
from netlab.http.location import location_of_file, location_of_url
from netlab.http.tls import TLS
from netlab.ping.plan import Plan

# Arguments, and what the complaint names.
WRONG = (
    (["nosuch"], "nosuch"),
    (["--nosuch"], "--nosuch"),
    (["http", "127.0.0.1"], "'127.0.0.1' is not a URL"),
    (["http", "ftp://127.0.0.1/"], "is not a URL"),
    (["http", "127.0.0.1", "80"], "SERVER_HOST SERVER_PORT FILENAME"),
    (["http", "127.0.0.1", "0", "x"], "'0' is not a whole number"),
    (["http", "127.0.0.1", "65536", "x"], "'65536' is not a whole number"),
    (["http", "127.0.0.1", "http", "x"], "'http' is not a whole number"),
    (["http", "a", "1", "b", "c"], "SERVER_HOST SERVER_PORT FILENAME"),
    (["http", "--timeout", "nan", "http://127.0.0.1/"], "'nan' is not a number of seconds"),
    (["http", "--output"], "--output"),
    (["http", "-O", "http://a/"], "does not end in a file name"),
    (["http", "-O", "http://a/%2e%2e"], "does not end in a file name"),
    (["http", "-O", "http://a/x%2f.."], "does not end in a file name"),
    (["http", "-O", "-o", "f", "http://a/b"], "-o and -O"),
    (["http", "-I", "-X", "GET", "http://a/b"], "-I is HEAD"),
    (["http", "-c", "http://a/b"], "--continue needs"),
    (["http", "-c", "-o", "f", "--compressed", "http://a/b"], "--continue needs"),
    (["http", "-H", "nonsense", "http://a/b"], "is not NAME: VALUE"),
    (["http", "-H", "a b: c", "http://a/b"], "cannot be sent"),
    (["http", "-H", "a: b\r\nc: d", "http://a/b"], "cannot be sent"),
    (["http", "-X", "G T", "http://a/b"], "is not a method"),
    (["http", "--data", "@/nosuch/file", "http://a/b"], "cannot read /nosuch/file"),
    (["http", "--cacert", "/nosuch/file", "https://a/b"], "/nosuch/file"),
    (["http", "--cacert", __file__, "https://a/b"], "does not hold certificates in PEM"),
    (["http", "--cert", __file__, "https://a/b"], "does not hold a certificate and its key"),
    (["ping"], "Missing argument"),
    (["ping", "a", "12000", "b"], "b"),
    (["ping", "a", "-1"], "-1"),
    (["ping", "a", "65536"], "'65536' is not a whole number"),
    (["ping", "a", "--count", "0"], "'0' is not a whole number"),
    (["ping", "a", "--count", "1.5"], "'1.5' is not a whole number"),
    (["ping", "a", "--count", "9223372036854775808"], "is not a whole number"),
    (["ping", "a", "--timeout", "-1"], "'-1' is not a number of seconds"),
    (["ping", "a", "--timeout", "1e300"], "'1e300' is not a number of seconds"),
    (["ping", "a", "--target", "b:c"], "'b:c' is not HOST, HOST:PORT or [V6]:PORT"),
    (["ping", "a", "--target", "b:0"], "'0' is not a whole number"),
    (["ping", "a", "--protocol", "icmp"], "'icmp'"),
    (["ping", "a", "--poisson"], "a Poisson schedule needs its mean interval"),
    (["ping", "a", "--key-file", "/nonexistent"], "cannot read the key file /nonexistent"),
    (["ping", "a", "--key-file", __file__], "is no key file"),
    (["ping", "a", "--size", "70000"], "'70000' is not a whole number"),
    (["ping", "a", "--dscp", "64"], "'64' is not a whole number"),
    (["ping", "a", "--ttl", "0"], "'0' is not a whole number"),
    (["ping", "a", "--fail-loss", "101%"], "'101%' is not a percentage"),
    (["ping", "a", "--fail-loss", "2"], "'2' is not a probability"),
    (["ping", "a", "--fail-p99", "20 ms"], "'20 ms' is not a duration"),
    (["ping", "a", "--live"], "--live draws on a terminal"),
    (["heartbeat"], "Missing argument"),
    (["heartbeat", "a", "--interval", "0"], "'0' is not a number of seconds"),
    (["heartbeat", "a", "--count", "x"], "'x' is not a whole number"),
    (["heartbeat", "a", "--"], "there is no command after --"),
    (["heartbeat", "a", "--id", "x", "--format", "csv"], "the form csv has no place for an id"),
    (["heartbeat", "a", "--id", "a b"], "no blanks"),
    (["heartbeat", "a", "--mult", "0"], "'0' is not a whole number"),
)

# Arguments, the coroutine function that they call, and with what.
RIGHT: tuple[tuple[list[str], Any, str, tuple[Any, ...]], ...] = (
    (["ping", "a"], ping, "ping", ([("a", 12000)], Plan(), Output())),
    (
        ["ping", "a", "1", "--count", "3", "--timeout", "0.5", "--json"],
        ping,
        "ping",
        ([("a", 1)], Plan(count=3, timeout=0.5), Output(style="json")),
    ),
    (
        [
            "ping",
            "a",
            "1",
            "--target",
            "b:2",
            "--target",
            "[::1]",
            "--duration",
            "9",
            "--csv",
            "-6",
            "--explain",
        ],
        ping,
        "ping",
        (
            [("a", 1), ("b", 2), ("::1", 12000)],
            Plan(count=None, duration=9.0, family=socket.AF_INET6),
            Output(style="csv", explain=True),
        ),
    ),
    (
        [
            *("ping", "a", "--protocol", "stamp", "--no-options", "--interval", "0.01", "--poisson", "-4"),
            *("--size", "200", "--dscp", "46", "--ttl", "9", "--histogram"),
            *("--fail-loss", "1%", "--fail-p99", "20ms"),
        ],
        ping,
        "ping",
        (
            [("a", 12000)],
            Plan(
                protocol="stamp",
                options=False,
                interval=0.01,
                poisson=True,
                family=socket.AF_INET,
                size=200,
                dscp=46,
                ttl=9,
            ),
            Output(histogram=True, fail_loss=0.01, fail_p99=0.02),
        ),
    ),
    (["heartbeat", "a"], heartbeat, "beat", (Beating((("a", 13000),)),)),
    (
        [
            "heartbeat",
            "a",
            "5",
            "--interval",
            "2",
            "--count",
            "7",
            "--also",
            "b:6",
            "--id",
            "x",
            "--mult",
            "3",
        ],
        heartbeat,
        "beat",
        (Beating((("a", 5), ("b", 6)), 2.0, 7, Style(id="x", mult=3)),),
    ),
    (
        ["heartbeat", "a", "--id", "x", "--", "sleep", "--help"],
        heartbeat,
        "beat",
        (Beating((("a", 13000),), style=Style(id="x"), command=("sleep", "--help")),),
    ),
    (["http", "a", "80", "x.html"], http, "fetch", (Wanted(location_of_file("a", 80, "x.html")),)),
    (
        ["http", "-o", "f", "--timeout", "5", "http://a/x"],
        http,
        "fetch",
        (Wanted(location_of_url("http://a/x"), output="f", timeout=5.0),),
    ),
    (
        [
            "http",
            "-O",
            "-c",
            "-L",
            "-q",
            "-v",
            "--timing",
            "--explain",
            "--max-time",
            "9",
            "http://a/x%20y?z",
        ],
        http,
        "fetch",
        (
            Wanted(
                location_of_url("http://a/x%20y?z"),
                output="x y",
                resume=True,
                follow=True,
                quiet=True,
                verbose=True,
                timing=True,
                explain=True,
                max_time=9.0,
            ),
        ),
    ),
    (
        [
            "http",
            "--data",
            "a=b",
            "-H",
            "X-A:  1 ",
            "-H",
            "X-B:",
            "--json",
            "--no-headers",
            "-k",
            "https://a/",
        ],
        http,
        "fetch",
        (
            Wanted(
                location_of_url("https://a/"),
                "POST",
                (("X-A", "1"), ("X-B", "")),
                b"a=b",
                as_json=True,
                heads=False,
                tls=TLS(verify=False),
            ),
        ),
    ),
    (
        ["http", "-I", "-i", "http://a/"],
        http,
        "fetch",
        (Wanted(location_of_url("http://a/"), "HEAD", heads=True),),
    ),
    (["http", "-X", "PUT", "http://a/"], http, "fetch", (Wanted(location_of_url("http://a/"), "PUT"),)),
)


class MainTests(SynchronousTestCase):
    """`main`, whose clients do not run."""

    def setUp(self) -> None:
        self.patch(program, "run", lambda client: client("reactor"))

    def main(self, *arguments: str) -> tuple[Any, str, str]:
        """The exit status, and what was printed on both streams."""
        self.patch(sys, "argv", ["netlab", *arguments])
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            left = self.assertRaises(SystemExit, program.main)
        return left.code, out.getvalue(), err.getvalue()

    def test_wrong_usage(self) -> None:
        """Wrong usage is status 2 and one line on standard error."""
        for arguments, why in WRONG:
            with self.subTest(arguments=arguments):
                status, out, err = self.main(*arguments)
                self.assertEqual((status, out), (WRONG_USAGE, ""))
                self.assertTrue(err.startswith("netlab: ") and err.endswith(" (--help tells more)\n"), err)
                self.assertEqual(err.count("\n"), 1)
                self.assertIn(why, err)

    def test_nothing_said(self) -> None:
        """Without a command the help is printed, with status 2."""
        status, out, err = self.main()
        self.assertEqual(status, WRONG_USAGE)
        self.assertIn("Usage: netlab", out + err)

    def test_right_usage(self) -> None:
        """Each client is given what the user said, or the course's defaults; its status is the program's."""
        for number, (arguments, module, name, expected) in enumerate(RIGHT):
            with self.subTest(arguments=arguments):
                given: list[Any] = []

                def client(*values: Any, given: list[Any] = given, status: int = number) -> int:
                    given.append(values)
                    return status

                self.patch(module, name, client)
                self.assertEqual(self.main(*arguments), (number, "", ""))
                self.assertEqual(given, [("reactor", *expected)])

    def test_help(self) -> None:
        """Every command explains itself, with status 0."""
        for command in ([], ["http"], ["ping"], ["heartbeat"]):
            for option in ("-h", "--help"):
                with self.subTest(command=command, option=option):
                    result = CliRunner().invoke(program.netlab, [*command, option])
                    self.assertEqual(result.exit_code, 0)
                    self.assertTrue(result.output.startswith("Usage: netlab"))

    @given(st.sampled_from([program.SECONDS, program.PORT, program.COUNT]), st.text(max_size=20))
    def test_any_text(self, parameter: program.Read, text: str) -> None:
        """No text makes a parameter fail in another way than as wrong usage."""
        try:
            value = parameter.convert(text, None, None)
        except click.BadParameter as refused:
            self.assertNotIn("\n", refused.format_message())
        else:
            self.assertEqual(parameter.convert(value, None, None), value)
