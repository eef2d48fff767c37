"""The folder that the obligations are asked of: every file that a row needs, and one outside."""

import gzip
import io
import os
import random
import tarfile
from dataclasses import dataclass
from pathlib import Path

MODIFIED = 1_609_556_645  # Sat, 02 Jan 2021 03:04:05 GMT: every file's, long ago


def _archive(name: str, octets: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(octets)
        tar.addfile(member, io.BytesIO(octets))
    return gzip.compress(stream.getvalue(), mtime=0)


TEXT = b"".join(b"Line %03d of a file that everybody may read.\n" % number for number in range(100))
CSS = b"body { color: black }\n"
INDEX = b"<!DOCTYPE html>\n<title>The index of a folder</title>\n"
NAMED = b"A name is octets, too.\n"
SPACED = b"There is a space in the way.\n"
MARKUP = b"<html><script>alert(1)</script></html>\n"  # what a browser would like to take for HTML
SQUEEZED = b"The same line again and again.\n" * 200
ARCHIVE = _archive("f.txt", TEXT)
MIB = random.Random(2**20).randbytes(2**20)
LONG = 16 * 2**20  # octets of long.bin, which are all zero
PRIVATE = b"Nobody outside may read this line.\n"  # in what must not be served


@dataclass(frozen=True)
class Site:
    """*root* is what a server is to serve, *outside* a file beside it."""

    root: Path
    outside: Path


def site_in(folder: Path) -> Site:
    """The site that stands in *folder*."""
    return Site(folder / "root", folder / "outside.txt")


def make_site(folder: Path) -> Site:
    """Write the site into *folder*, which is made if there is none."""
    site = site_in(folder.resolve())
    for inner in ("dir", "sp ace"):
        (site.root / inner).mkdir(parents=True, exist_ok=True)
    site.outside.write_bytes(PRIVATE)
    files = {
        "index.html": INDEX,
        "f.txt": TEXT,
        "f.css": CSS,
        "empty": b"",
        "plain": MARKUP,
        "f.unknown": MARKUP,
        "\u00fcn\u00ef.txt": NAMED,
        "sp ace/f.txt": SPACED,
        "dir/index.html": INDEX,
        ".secret": PRIVATE,
        "x.txt": SQUEEZED,
        "x.txt.gz": gzip.compress(SQUEEZED, mtime=0),
        "p.tar.gz": ARCHIVE,
        "1m.bin": MIB,
        "long.bin": b"",
    }
    for name, octets in files.items():
        (site.root / name).write_bytes(octets)
    os.truncate(site.root / "long.bin", LONG)
    for name in files:
        os.utime(site.root / name, (MODIFIED, MODIFIED))
    link = site.root / "leaving.txt"
    link.unlink(missing_ok=True)
    link.symlink_to(site.outside)
    return site
