"""
A file as it is served: its forms, read or open, and what tells that none of them has changed.

Most requests ask for what was asked for a moment ago. What was found then is kept, and holds as long
as `stat` says of each file involved what it said before.
"""

import os
import stat
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import stat_result
from os.path import dirname

from netlab.http import respond
from netlab.http.message import Request, Response
from netlab.http.respond import Representation
from netlab.http.serialize import prepare
from netlab.http.tree import Found

SMALL = 8_192  # octets of a file that is kept in memory; a longer one is kept open
MAX_KEPT = 2_048  # files
MAX_OPEN = 256  # of them
MAX_PATH = 512  # characters
SETTLED = 2.0  # seconds after which no file system gives a second change the same time as the first
LOOK_AGAIN = 1.0  # seconds after which a folder is asked for new encoded siblings

# NONBLOCK, since a pipe that took a file's place between look and open would wait for a writer.
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_PLAIN = Request("GET", "/", (1, 1))

Mark = tuple[int, int]
"""The time of the last change and the inode: every change or exchange of a file changes one of them."""


def mark_of(status: stat_result) -> Mark:
    return status.st_ctime_ns, status.st_ino


class SharedFile:
    """An open file that many responses may send at once: it closes when the last has let it go."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """One response is done with it."""

    def __del__(self, close=os.close) -> None:  # type: ignore[no-untyped-def] # os may be gone by then
        close(self._descriptor)


@dataclass(frozen=True, slots=True)
class Form:
    """One representation of a file, and the response that gives the whole of it."""

    representation: Representation
    whole: Response
    mark: Mark


class Resource:
    """A file that was found, and its forms: as it is, and in the codings that stand beside it."""

    __slots__ = (
        "changed", "checked", "file", "folder", "forms", "found", "inode", "look_again", "only", "siblings",
    )  # fmt: skip

    def __init__(self, found: Found, siblings: Mapping[str, str]) -> None:
        self.found = found
        self.siblings = siblings  # their real paths by coding
        self.forms: dict[str | None, Form] = {}
        # Of one that is kept:
        self.file = b""  # its path, as the system wants it
        self.only: Response | None = None  # the whole of its only form
        self.changed = self.inode = 0  # the file's mark
        self.checked = 0.0  # when it was last found unchanged, monotonic seconds
        self.folder: Mark = 0, 0
        self.look_again = 0.0  # when the folder is to be asked for new siblings

    def open(self, coding: str | None, now: float) -> Form | None:
        """
        Make the form in *coding*; *now* is in seconds since 1970. None: it has gone.

        Raises:
            PermissionError: it may not be read.
        """
        try:
            file = SharedFile(os.open(self.siblings[coding] if coding else self.found.real, _OPEN_FLAGS))
        except PermissionError:
            raise
        except OSError:
            return None
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return None
        content: bytes | SharedFile = file
        if status.st_size <= SMALL:
            octets = os.pread(file.fileno(), SMALL, 0)
            content = octets if len(octets) == status.st_size else file  # it is being written
        name, size, modified = self.found.name, status.st_size, status.st_mtime_ns
        representation = Representation(
            name, content, size, modified, status.st_ino, coding, bool(self.siblings)
        )
        whole = prepare(respond.file(_PLAIN, representation, now))
        form = self.forms[coding] = Form(representation, whole, mark_of(status))
        return form


class Resources:
    """The resources that were served last, by the path that was asked for."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._kept: dict[str, Resource] = {}
        self._opened: deque[str] = deque()  # paths of those with open files, the oldest first

    def find(self, path: str, asked: float) -> Resource | None:
        """What is kept for *path*, if it was unchanged at some moment after *asked*, monotonic seconds."""
        resource = self._kept.get(path)
        if resource is None or resource.checked > asked:
            return resource
        now = self._monotonic()
        try:
            status = os.stat(resource.file)
            same = status.st_ctime_ns == resource.changed and status.st_ino == resource.inode
            if same and (resource.only is None or now >= resource.look_again):
                same = self._same_around(resource, now)
        except OSError:
            same = False
        if not same:
            del self._kept[path]
            return None
        resource.checked = now
        return resource

    def _same_around(self, resource: Resource, now: float) -> bool:
        """The encoded siblings are unchanged, and, asked of the folder now and then, none has joined them."""
        for coding, real in resource.siblings.items():
            if mark_of(os.stat(real)) != resource.forms[coding].mark:
                return False
        if now < resource.look_again:
            return True
        resource.look_again = now + LOOK_AGAIN
        return mark_of(os.stat(dirname(resource.found.real))) == resource.folder

    def keep(self, path: str, resource: Resource, begun: float) -> None:
        """
        Keep what was found for *path*, unless one of its files may yet change unseen.

        *begun* is when it was looked for, seconds since 1970. A file that was changed just before then
        may be changed again within the same tick of its file system's clock, and look the same.
        """
        files = (resource.found.asked, *resource.siblings.values())
        try:
            codings = (None, *resource.siblings)
            forms = [resource.forms.get(coding) or resource.open(coding, begun) for coding in codings]
            marks = [mark_of(os.stat(file)) for file in files]
            folder_mark = mark_of(os.stat(dirname(resource.found.real)))
        except OSError:
            return
        same = marks == [form and form.mark for form in forms]
        settled = max(changed for changed, _ in (*marks, folder_mark)) < (begun - SETTLED) * 1e9
        past = all(form and form.representation.modified_ns < begun * 1e9 for form in forms)
        if not (same and settled and past) or len(path) > MAX_PATH:  # what is dated later is dated now
            return
        resource.file = os.fsencode(resource.found.asked)
        resource.only = None if resource.siblings else resource.forms[None].whole
        resource.changed, resource.inode = marks[0]
        resource.folder = folder_mark
        resource.look_again = self._monotonic() + LOOK_AGAIN
        if len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[path] = resource
        if any(form and not isinstance(form.representation.content, bytes) for form in forms):
            self._opened.append(path)
            if len(self._opened) > MAX_OPEN:
                self._kept.pop(self._opened.popleft(), None)
