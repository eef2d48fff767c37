"""The web server before a foreign judge of HTTP."""

import gzip
import json
import sys
from pathlib import Path

import pytest

from tests.processes import absent, daemon, run

REDBOT = Path(sys.executable).parent / "redbot"
EXPECTED = {"FRESHNESS_HEURISTIC"}  # without a rule for it, a cache has to guess how long a file lives


@pytest.mark.parametrize("path", ["index.html", "style.css", "nothing", "folder"])
def test_judged(tmp_path: Path, path: str) -> None:
    """redbot finds nothing bad, and nothing to warn of but what the files' owner has not said."""
    if not REDBOT.exists():
        absent("redbot is not installed")
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "index.html").write_text("<!DOCTYPE html><title>x</title><p>" + "text " * 500)
    (root / "style.css").write_text("body { color: black } " * 500)
    (root / "style.css.gz").write_bytes(gzip.compress((root / "style.css").read_bytes()))
    with daemon(tmp_path, "netlab-http", "--root", root, "--listing") as web:
        judged = run(REDBOT, "-o", "har", f"http://127.0.0.1:{web.port}/{path}")
    (entry, *_) = json.loads(judged.stdout)["log"]["entries"]
    notes = entry["_red_messages"]
    assert notes
    assert [
        note for note in notes if note["level"] not in ("GOOD", "INFO") and note["note_id"] not in EXPECTED
    ] == []
