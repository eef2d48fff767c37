"""
What a path names below a root folder: a file, a folder, or nothing.

The file system is handed in as two functions, so that every rule can be told on a made-up tree.
"""

import stat
from collections.abc import Callable
from dataclasses import dataclass
from os import stat_result
from os.path import join
from urllib.parse import quote

from netlab.http.coding import SIBLINGS
from netlab.http.target import Path


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file; *real* has no symbolic link in it, *name* is what the client called it."""

    real: str
    name: str
    asked: str  # the path that led there, perhaps through links


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that has no index file."""

    real: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """A folder asked for without its slash."""

    location: str


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing that is served."""


@dataclass(frozen=True, slots=True)
class Tree:
    """
    A root folder and its rules.

    Names that begin with a dot are found only with *dotfiles*; what lies outside the root, to where a
    symbolic link may lead, only with *follow_symlinks*.
    """

    root: str  # absolute, without symbolic links
    index: str
    resolve: Callable[[str], str]  # a path's real path; raises OSError where nothing is
    stat: Callable[[str], stat_result]
    dotfiles: bool = False
    follow_symlinks: bool = False

    def find(self, path: Path) -> Found | Folder | Redirect | Missing:
        """Look *path* up. Raises: PermissionError: something there cannot be looked at."""
        if not all(map(self.shows, path.segments)):
            return Missing()
        asked = join(self.root, *path.segments)
        real, status = self.look(asked)
        if status is not None and stat.S_ISDIR(status.st_mode):
            if not path.folder and path.segments:
                # Quoted anew: "/\evil.example" would lead a browser away from here.
                location = "".join(
                    "/" + quote(segment, errors="surrogateescape") for segment in path.segments
                )
                return Redirect(f"{location}/{path.query}")
            index, status = self.look(join(real, self.index))
            if status is not None and stat.S_ISREG(status.st_mode):
                return Found(index, self.index, join(asked, self.index))
            return Folder(real)
        if status is not None and stat.S_ISREG(status.st_mode) and not path.folder:
            return Found(real, path.segments[-1], asked)
        return Missing()

    def siblings(self, found: Found) -> dict[str, str]:
        """
        The codings in which a file stands beside itself, with the real path of each.

        A sibling older than its file is a stale copy, and not counted.
        """
        codings: dict[str, str] = {}
        status: stat_result | None = None
        for coding, extension in SIBLINGS.items():
            real, sibling = self.look(found.real + extension)
            if sibling is None or not stat.S_ISREG(sibling.st_mode):
                continue
            status = status or self.stat(found.real)
            if sibling.st_mtime_ns >= status.st_mtime_ns:
                codings[coding] = real
        return codings

    def shows(self, name: str) -> bool:
        """A thing of this name may be found."""
        return self.dotfiles or not name.startswith(".")

    def look(self, path: str) -> tuple[str, stat_result | None]:
        """The real path and the status of what is there; None: nothing that is served."""
        try:
            real = self.resolve(path)
            inside = real == self.root or real.startswith(self.root.rstrip("/") + "/")
            return real, self.stat(real) if inside or self.follow_symlinks else None
        except PermissionError:
            raise
        except OSError:  # absent, a file used as a folder, a loop of links, a name too long
            return path, None
