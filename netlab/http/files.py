"""`StaticFiles`: the answer that serves the files below a folder."""

import os
import stat
import time
from collections.abc import Callable

from netlab.http import listing, respond
from netlab.http.coding import choose
from netlab.http.conditional import wants_whole
from netlab.http.message import Fields, Request, Response
from netlab.http.resources import Resource, Resources
from netlab.http.target import Path, parse_path
from netlab.http.tree import Folder, Found, Missing, Redirect, Tree

NOT_HERE = "There is nothing of that name here."
ERROR_PAGE = "404.html"  # a file of this name in the root is the site's own page for what is missing


class StaticFiles:
    """
    Answer every request from the files below *root*; a folder stands for its *index* file.

    *list_folders* lists a folder that has no index file, as HTML or, by ``Accept``, as JSON;
    *dotfiles* serves names that begin with a dot too, *follow_symlinks* what links outside the root
    lead to. *now* reads the wall clock, seconds since 1970, *monotonic* the other one; *asked* says when,
    on that one, the present request was there: a file that was looked at since is not looked at again.

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
        monotonic: Callable[[], float] = time.monotonic,
        asked: Callable[[], float] | None = None,
    ) -> None:
        real = os.path.realpath(root)
        if not os.path.isdir(real):
            raise ValueError(f"{os.fspath(root)!r} is not a folder")
        self._tree = Tree(real, index, _resolve, os.stat, dotfiles, follow_symlinks)
        self._list_folders = list_folders
        self._now = now
        self._asked = asked or monotonic
        self._kept = Resources(monotonic)

    def __call__(self, request: Request) -> Response:
        """Answer. Raises: Malformed: the target names no path."""
        if request.method not in ("GET", "HEAD"):
            return respond.refuse_method(request)
        try:
            resource = self._kept.find(request.target, self._asked())
            if resource is None:
                return self._look(request)
            if resource.only is not None and request.fields.derive(wants_whole):
                return resource.only
            return self._file(request, resource)
        except PermissionError:
            return respond.error(403, "The server may not read this.")

    def _look(self, request: Request) -> Response:
        begun = self._now()
        path = parse_path(request.target)
        found = self._tree.find(path)
        match found:
            case Found():
                resource = Resource(found, self._tree.siblings(found))
                response = self._file(request, resource)
                self._kept.keep(request.target, resource, begun)
                return response
            case Redirect(location):
                return respond.redirect(location)
            case Folder(real) if self._list_folders:
                return self._list(request, path, real)
            case Folder():
                return self._missing(f"This folder has no {self._tree.index}.")
            case Missing():
                return self._missing(NOT_HERE)

    def _file(self, request: Request, resource: Resource) -> Response:
        coding = None
        if resource.siblings:
            coding = choose(request.fields.get("accept-encoding"), resource.siblings)
        form = resource.forms.get(coding) or resource.open(coding, self._now())
        if form is None:
            return self._missing(NOT_HERE)
        if request.fields.derive(wants_whole):
            return form.whole
        return respond.file(request, form.representation, self._now())

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
        asked = os.path.join(self._tree.root, ERROR_PAGE)
        page, status = self._tree.look(asked)
        form = Resource(Found(page, ERROR_PAGE, asked), {}).open(None, self._now()) if status else None
        if form is None:
            return respond.error(404, why)
        fields = Fields((("Content-Type", "text/html; charset=utf-8"), respond.NOSNIFF))
        return Response(404, fields, form.whole.body)


def _resolve(path: str) -> str:
    return os.path.realpath(path, strict=True)
