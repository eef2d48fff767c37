"""`StaticFiles`: the answer that serves the files below a folder."""

import os
import stat
import time
from collections.abc import Callable

from netlab.http import listing, respond
from netlab.http.coding import choose
from netlab.http.message import Fields, FileSlice, Request, Response
from netlab.http.respond import Representation
from netlab.http.target import Path, parse_path
from netlab.http.tree import Folder, Found, Missing, Redirect, Tree

NOT_HERE = "There is nothing of that name here."
ERROR_PAGE = "404.html"  # a file of this name in the root is the site's own page for what is missing

# NONBLOCK, since a pipe that took a file's place between look and open would wait for a writer.
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class StaticFiles:
    """
    Answer every request from the files below *root*; a folder stands for its *index* file.

    *list_folders* lists a folder that has no index file, as HTML or, by ``Accept``, as JSON;
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
        list_folders: bool = False,
        dotfiles: bool = False,
        follow_symlinks: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        real = os.path.realpath(root)
        if not os.path.isdir(real):
            raise ValueError(f"{os.fspath(root)!r} is not a folder")
        self._tree = Tree(real, index, _resolve, os.stat, dotfiles, follow_symlinks)
        self._list_folders = list_folders
        self._now = now

    def __call__(self, request: Request) -> Response:
        """Answer. Raises: Malformed: the target names no path."""
        refusal = respond.refuse_method(request)
        if refusal is not None:
            return refusal
        try:
            path = parse_path(request.target)
            found = self._tree.find(path)
            match found:
                case Found():
                    return self._file(request, found)
                case Redirect(location):
                    return respond.redirect(location)
                case Folder(real) if self._list_folders:
                    return self._list(request, path, real)
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

    def _list(self, request: Request, path: Path, real: str) -> Response:
        entries = [entry for name in os.listdir(real) if (entry := self._entry(real, name)) is not None]
        if listing.prefers_json(request.fields.get("accept")):
            content_type, body = "application/json", listing.json(entries)
        else:
            content_type = "text/html; charset=utf-8"
            body = listing.html(path.decoded, entries, path.query, top=not path.segments)
        fields = (("Content-Type", content_type), ("Vary", "Accept"), respond.NOSNIFF)
        return Response(200, Fields(fields), body)

    def _entry(self, folder: str, name: str) -> listing.Entry | None:
        try:
            _, status = self._tree.look(os.path.join(folder, name)) if self._tree.shows(name) else ("", None)
        except PermissionError:
            return None
        if status is None or not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
            return None
        return listing.Entry(name, stat.S_ISDIR(status.st_mode), status.st_size, status.st_mtime)

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
