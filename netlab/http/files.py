"""`StaticFiles`: the answer that serves the files below a folder."""

import os
import stat

from netlab.http import respond
from netlab.http.message import FileSlice, Request, Response
from netlab.http.target import parse_path
from netlab.http.tree import Found, Missing, Redirect, Tree

# NONBLOCK, since a pipe that took a file's place between look and open would wait for a writer.
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class StaticFiles:
    """
    Answer every request from the files below *root*; a folder stands for its *index* file.

    Raises:
        ValueError: *root* is not a folder.
    """

    def __init__(self, root: str | os.PathLike[str], index: str = "index.html") -> None:
        real = os.path.realpath(root)
        if not os.path.isdir(real):
            raise ValueError(f"{os.fspath(root)!r} is not a folder")
        self._tree = Tree(real, index, lambda path: os.path.realpath(path, strict=True), os.stat)

    def __call__(self, request: Request) -> Response:
        """Answer. Raises: Malformed: the target names no path."""
        refusal = respond.refuse_method(request)
        if refusal is not None:
            return refusal
        try:
            found = self._tree.find(parse_path(request.target))
            match found:
                case Found():
                    return _open(found)
                case Redirect(location):
                    return respond.redirect(location)
                case Missing(why):
                    return respond.error(404, why)
        except PermissionError:
            return respond.error(403, "The server may not read this.")


def _open(found: Found) -> Response:
    try:
        file = os.fdopen(os.open(found.real, _OPEN_FLAGS), "rb", buffering=0)
    except FileNotFoundError:
        return respond.error(404, "It was there a moment ago, and is gone.")
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        file.close()
        return respond.error(404, "It was a file a moment ago, and is none now.")
    return respond.file(found.name, FileSlice(file, 0, status.st_size), status.st_mtime)
