"""
What a path names below a root folder: a file, a folder to redirect to, or nothing.

The file system is handed in as two functions, so that every rule can be told on a made-up tree.
"""

import stat
from collections.abc import Callable
from dataclasses import dataclass
from os import stat_result
from os.path import join
from urllib.parse import quote

from netlab.http.target import Path


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file; *real* has no symbolic link in it, *name* is what the client called it."""

    real: str
    name: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """A folder asked for without its slash."""

    location: str


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing that is served."""

    why: str


@dataclass(frozen=True, slots=True)
class Tree:
    """
    A root folder and its rules.

    Neither a name that begins with a dot nor anything outside the root, to where a symbolic link may
    lead, is ever found.
    """

    root: str  # absolute, without symbolic links
    index: str
    resolve: Callable[[str], str]  # a path's real path; raises OSError where nothing is
    stat: Callable[[str], stat_result]

    def find(self, path: Path) -> Found | Redirect | Missing:
        """Look *path* up. Raises: PermissionError: something there cannot be looked at."""
        if any(segment.startswith(".") for segment in path.segments):
            return Missing("There is nothing of that name here.")
        real, mode = self._look(join(self.root, *path.segments))
        if stat.S_ISDIR(mode):
            if not path.folder and path.segments:
                # Quoted anew: "/\evil.example" would lead a browser away from here.
                location = "".join(
                    "/" + quote(segment, errors="surrogateescape") for segment in path.segments
                )
                return Redirect(f"{location}/{path.query}")
            real, mode = self._look(join(real, self.index))
            if stat.S_ISREG(mode):
                return Found(real, self.index)
            return Missing(f"This folder has no {self.index}.")
        if stat.S_ISREG(mode) and not path.folder:
            return Found(real, path.segments[-1])
        return Missing("There is nothing of that name here.")

    def _look(self, path: str) -> tuple[str, int]:
        """The real path and the mode of what is there; mode 0: nothing that is served."""
        try:
            real = self.resolve(path)
            inside = real == self.root or real.startswith(self.root.rstrip("/") + "/")
            return real, self.stat(real).st_mode if inside else 0
        except PermissionError:
            raise
        except OSError:  # absent, a file used as a folder, a loop of links, a name too long
            return path, 0
