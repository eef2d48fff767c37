"""
Servers that have no command line for files: aiohttp's static route, and Starlette's under uvicorn.

    python -m bench.http.peers aiohttp|starlette ROOT PORT LOG

They are run in a process of their own and import nothing of the benchmark.
"""

import logging
import sys
from importlib import import_module
from typing import Any


def aiohttp(root: str, port: int, log: str) -> None:
    """Serve *root* by aiohttp's static route; its access log in its own format."""
    web: Any = import_module("aiohttp.web")
    logger = logging.getLogger("aiohttp.access")
    logger.addHandler(logging.FileHandler(log))
    logger.setLevel(logging.INFO)
    application = web.Application()
    application.router.add_static("/", root)
    web.run_app(
        application,
        host="127.0.0.1",
        port=port,
        backlog=4096,
        access_log=logger,
        keepalive_timeout=75,
        print=None,
    )


def starlette(root: str, port: int, log: str) -> None:
    """Serve *root* by Starlette's StaticFiles under uvicorn; its access log in its own format."""
    files: Any = import_module("starlette.staticfiles").StaticFiles(directory=root)
    uvicorn: Any = import_module("uvicorn")
    logging_: Any = import_module("uvicorn.config").LOGGING_CONFIG
    logging_["formatters"]["access"]["use_colors"] = False
    logging_["handlers"]["access"] = {
        "class": "logging.FileHandler",
        "filename": log,
        "formatter": "access",
    }
    uvicorn.run(
        files,
        host="127.0.0.1",
        port=port,
        backlog=4096,
        timeout_keep_alive=75,
        log_config=logging_,
        lifespan="off",
    )


if __name__ == "__main__":
    {"aiohttp": aiohttp, "starlette": starlette}[sys.argv[1]](sys.argv[2], int(sys.argv[3]), sys.argv[4])
