"""Web servers of others, each serving a folder on a free port of 127.0.0.1 as long as a block lasts."""

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import PATIENCE, Program, daemon, free_port, require_program, started

_AIOHTTP = """
import sys
from aiohttp import web
app = web.Application()
app.router.add_static("/", sys.argv[1])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), print=None)
"""


def _listening(port: int, program: Program) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as tcp:
            if tcp.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert program.process.poll() is None, program.output
        assert time.monotonic() < deadline, program.output
        time.sleep(0.02)


@contextmanager
def nginx(folder: Path, root: Path) -> Iterator[str]:
    port = free_port()
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr; events {{}}"
        f" http {{ access_log off; sendfile on; {temporary}"
        f" server {{ listen 127.0.0.1:{port}; root {root}; }} }}"
    )
    # As root its worker would be somebody else, who may not read a temporary folder.
    command = [require_program("nginx"), "-e", "stderr", "-g", "user root;", "-c", folder / "nginx.conf"]
    with started(folder, *command) as program:
        _listening(port, program)
        yield f"http://127.0.0.1:{port}"
        program.stop()


@contextmanager
def lighttpd(folder: Path, root: Path) -> Iterator[str]:
    port = free_port()
    (folder / "lighttpd.conf").write_text(
        f'server.document-root = "{root}"\nserver.bind = "127.0.0.1"\nserver.port = {port}\n'
    )
    with started(folder, require_program("lighttpd"), "-D", "-f", folder / "lighttpd.conf") as program:
        _listening(port, program)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def python(folder: Path, root: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    with started(folder, *command, cwd=root) as program:
        _listening(port, program)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def aiohttp(folder: Path, root: Path) -> Iterator[str]:
    port = free_port()
    with started(folder, sys.executable, "-c", _AIOHTTP, root, str(port)) as program:
        _listening(port, program)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def netlab(folder: Path, root: Path) -> Iterator[str]:
    with daemon(folder, "netlab-http", "--root", root) as program:
        yield f"http://127.0.0.1:{program.port}"


ORIGINS = {"nginx": nginx, "lighttpd": lighttpd, "python": python, "aiohttp": aiohttp, "netlab": netlab}
