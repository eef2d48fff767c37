"""`StaticFiles`: the answer that serves the files below a folder."""

import os
import stat
import time
from collections.abc import Callable

from netlab.http import respond
from netlab.http.coding import choose
from netlab.http.message import Fields, FileSlice, Request, Response
from netlab.http.respond import Representation
from netlab.http.target import parse_path
from netlab.http.tree import Folder, Found, Missing, Redirect, Tree

NOT_HERE = "There is nothing of that name here."
ERROR_PAGE = "404.html"  # a file of this name in the root is the site's own page for what is missing

# NONBLOCK, since a pipe that took a file's place between look and open would wait for a writer.
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class StaticFiles:
    """
    Answer every request from the files below *root*; a folder stands for its *index* file.

    *dotfiles* serves names that begin with a dot too, *follow_symlinks* what links outside the root
    lead to. *now* reads the wall clock, seconds since 1970.

    Raises:
        ValueError: *root* is not a folder.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        index: str = "index.html",
        *,
        dotfiles: bool = False,
        follow_symlinks: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        real = os.path.realpath(root)
        if not os.path.isdir(real):
            raise ValueError(f"{os.fspath(root)!r} is not a folder")
        self._tree = Tree(real, index, _resolve, os.stat, dotfiles, follow_symlinks)
        self._now = now

    def __call__(self, request: Request) -> Response:
        """Answer. Raises: Malformed: the target names no path."""
        refusal = respond.refuse_method(request)
        if refusal is not None:
            return refusal
        try:
            found = self._tree.find(parse_path(request.target))
            match found:
                case Found():
                    return self._file(request, found)
                case Redirect(location):
                    return respond.redirect(location)
                case Folder():
                    return self._missing(f"This folder has no {self._tree.index}.")
                case Missing():
                    return self._missing(NOT_HERE)
        except PermissionError:
            return respond.error(403, "The server may not read this.")

    def _file(self, request: Request, found: Found) -> Response:
        siblings = self._tree.siblings(found)
        coding = choose(request.fields.get("accept-encoding"), siblings) if siblings else None
        form = _open(siblings[coding] if coding else found.real, found.name, coding, bool(siblings))
        if form is None:
            return self._missing(NOT_HERE)
        return respond.file(request, form, self._now())

    def _missing(self, why: str) -> Response:
        page, status = self._tree.look(os.path.join(self._tree.root, ERROR_PAGE))
        form = _open(page, ERROR_PAGE) if status is not None else None
        if form is None:
            return respond.error(404, why)
        fields = Fields((("Content-Type", "text/html; charset=utf-8"), respond.NOSNIFF))
        return Response(404, fields, FileSlice(form.file, 0, form.size))


def _resolve(path: str) -> str:
    return os.path.realpath(path, strict=True)


def _open(real: str, name: str, coding: str | None = None, negotiated: bool = False) -> Representation | None:
    """Open a file that was there a moment ago; None: it has gone, or is no regular file now."""
    try:
        file = os.fdopen(os.open(real, _OPEN_FLAGS), "rb", buffering=0)
    except PermissionError:
        raise
    except OSError:
        return None
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        file.close()
        return None
    return Representation(name, file, status.st_size, status.st_mtime_ns, status.st_ino, coding, negotiated)
