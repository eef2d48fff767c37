"""A module imports its own layer or a lower one, never up, never in a circle; only adapters know Twisted."""

import ast
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

PACKAGE = Path(__file__).parent.parent / "netlab"

LAYERS = {
    0: "errors clocks arguments http.message http.media http.timing",
    1: "channel toml http.channel http.dates http.framing http.location http.parse http.responses"
    " http.serialize http.target ping.text ping.ntp ping.stamp ping.tlv ping.echo"
    " heartbeat.dialect heartbeat.signing heartbeat.wire",
    2: "http.access http.coding http.conditional http.counters http.listing http.ranges http.respond"
    " http.tree http.validators http.rules http.config"
    " http.explain http.outgoing http.partial http.proxy"
    " ping.impair ping.session ping.stamping ping.reflector"
    " ping.histogram ping.window ping.loss ping.variation ping.schedule"
    " ping.dialect ping.sample ping.rtt ping.prober ping.plan ping.stats ping.report ping.values"
    " heartbeat.circle heartbeat.entry heartbeat.ledger heartbeat.monitor heartbeat.pace heartbeat.report"
    " heartbeat.window heartbeat.config heartbeat.page heartbeat.style"
    " heartbeat.states heartbeat.events heartbeat.wheel heartbeat.detector heartbeat.arrivals"
    " heartbeat.client heartbeat.sight heartbeat.fleet",
    3: "batches keys lines slot tcp sockets udp options daemon testing machines stamps timer clocksync"
    " http.admin http.body http.client http.deadline http.factory http.files"
    " http.connection http.decode http.dial http.download http.pool http.tls"
    " http.log http.resources http.server http.site http.slot http.workers"
    " ping.port ping.probe ping.client ping.server heartbeat.sender heartbeat.server heartbeat.store"
    " heartbeat.checkpoint heartbeat.metrics heartbeat.sinks heartbeat.status heartbeat.web heartbeat.judge"
    " heartbeat.slices heartbeat.steering heartbeat.channel heartbeat.slot heartbeat.workers",
    4: "http.tap http.worker ping.tap heartbeat.tap heartbeat.worker clients.running clients.show"
    " clients.http clients.heartbeat clients.ping clients.live clients.picture clients.__main__",
}
LAYER = {f"netlab.{name}": layer for layer, names in LAYERS.items() for name in names.split()}


def sources() -> dict[str, str]:
    """Every module's name and text; packages' `__init__` files only hand names on."""
    return {
        ".".join(("netlab", *path.relative_to(PACKAGE).with_suffix("").parts)): path.read_text()
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }


def imports(source: str) -> set[str]:
    """The modules that a source imports when it runs: not those for the type checker alone."""
    found: set[str] = set()
    skipped: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped.update(node.body)
        elif node in skipped:
            continue
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = names & LAYER.keys()
            found.update(modules or {str(node.module)})
    return found


def breaches(modules: dict[str, str]) -> list[str]:
    """What breaks the rules, a line each."""
    found = []
    graph = {name: imports(source) for name, source in modules.items()}
    for name, imported in graph.items():
        layer = LAYER.get(name)
        if layer is None:
            found.append(f"{name} has no layer")
            continue
        for other in imported:
            top = other.partition(".")[0]
            if top == "netlab":
                if LAYER.get(other, 9) > layer:
                    found.append(f"{name} ({layer}) imports {other} ({LAYER.get(other)})")
            elif layer < 3 and top not in sys.stdlib_module_names:
                found.append(f"{name} ({layer}) imports {other}")
    found += [f"{name} imports itself in a circle" for name in graph if name in reachable(graph, name)]
    return found


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    rest = list(graph[start])
    while rest:
        name = rest.pop()
        if name in graph and name not in seen:
            seen.add(name)
            rest += graph[name]
    return seen


class LayerTests(SynchronousTestCase):
    """The package as it is, and breaches made up."""

    def test_package(self) -> None:
        """No module of the package breaks the rules, and the table names no other."""
        found = sources()
        self.assertEqual(breaches(found), [])
        self.assertEqual(set(LAYER) - set(found), set())

    def test_breaches(self) -> None:
        """Each kind of breach is found."""
        for source, expected in (
            ("import twisted", "netlab.clocks (0) imports twisted"),
            ("def f():\n    from twisted.internet import reactor", "(0) imports twisted.internet"),
            ("from netlab.ping import text", "netlab.clocks (0) imports netlab.ping.text (1)"),
            ("import netlab.udp", "netlab.clocks (0) imports netlab.udp (3)"),
            ("from netlab import clocks", "netlab.clocks imports itself in a circle"),
        ):
            with self.subTest(source=source):
                self.assertIn(expected, "\n".join(breaches({"netlab.clocks": source})))
        self.assertEqual(breaches({"netlab.unknown": ""}), ["netlab.unknown has no layer"])
        self.assertEqual(breaches({"netlab.udp": "import twisted"}), [])

    def test_packages(self) -> None:
        """A package's `__init__` hands on names of its own modules, and of nothing else."""
        for path in PACKAGE.rglob("__init__.py"):
            package = ".".join(("netlab", *path.relative_to(PACKAGE).parts[:-1]))
            with self.subTest(package=package):
                foreign = [name for name in imports(path.read_text()) if not name.startswith(f"{package}.")]
                self.assertEqual(foreign, [])
