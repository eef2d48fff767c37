"""
What the monitor remembers over a restart, in a database: SQLite unless another is asked for.

    netlab_checkpoint   one row: the version of this layout, when it was saved, whether as the last of all
    netlab_page         number, kind, content: some clients or events a page, as they were encoded

A checkpoint is saved whole or not at all, in one transaction. What stands in a page, its writer knows.
"""

import fcntl
import os
import zlib
from dataclasses import dataclass
from typing import IO, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    insert,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from netlab.errors import NetlabError

VERSION = 1
MAX_PAGE = 2**24  # octets of a page: a longer one is none of ours

_METADATA = MetaData()
_CHECKPOINT = Table(
    "netlab_checkpoint",
    _METADATA,
    Column("version", Integer, nullable=False),
    Column("saved_ns", BigInteger, nullable=False),
    Column("final", Boolean, nullable=False),
)
_PAGE = Table(
    "netlab_page",
    _METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("content", LargeBinary, nullable=False),
)


class StoreError(NetlabError):
    """The store cannot be used; the text is one line that says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What there was to remember at one moment."""

    saved_ns: int  # wall clock, nanoseconds since 1970
    clients: tuple[bytes, ...] = ()  # pages
    events: tuple[bytes, ...] = ()
    final: bool = False  # the monitor stopped after it, as it was told to


def check_url(url: str) -> str:
    """Check a store's URL, and make a file in it good in any folder. Raises: ValueError: it is no URL."""
    try:
        read = make_url(url)
        read.get_dialect()
    except (ArgumentError, SQLAlchemyError, ImportError) as error:
        why = str(error).splitlines()[0]
        raise ValueError(
            f"{url!r} is no store, such as sqlite:///heartbeat.sqlite or none ({why})"
        ) from error
    if read.get_backend_name() == "sqlite":
        if not read.database or read.database == ":memory:" or read.database.startswith("file:"):
            raise ValueError(f"{url!r} names no file, such as sqlite:///heartbeat.sqlite")
        read = read.set(database=os.path.abspath(read.database))
    return read.render_as_string(hide_password=False)


class Store:
    """One database. Its calls wait for the disk: make them in a thread, one at a time."""

    def __init__(self, url: str) -> None:
        """Name the store; *url* was checked by `check_url`. Nothing is opened yet."""
        self._url = make_url(url)
        self._engine: Engine | None = None
        self._lock: IO[bytes] | None = None

    def __str__(self) -> str:
        if self._url.get_backend_name() == "sqlite":
            return str(self._url.database)
        return self._url.render_as_string(hide_password=True)

    def open(self) -> Checkpoint | None:
        """
        Open the store for this process alone, and read what was saved last; None: nothing yet.

        Raises:
            StoreError: it cannot be opened, is used by another monitor, or holds what is not ours.
        """
        if self._url.get_backend_name() == "sqlite":
            self._take_file(str(self._url.database))
        try:
            self._engine = create_engine(self._url)
            return self._read(self._engine)
        except ImportError as error:
            self.close()
            raise StoreError(f"{self}: its driver is not installed ({error})") from error
        except SQLAlchemyError as error:
            self.close()
            raise StoreError(f"{self}: it cannot be read ({_reason(error)}); {_ADVICE}") from error
        except StoreError:
            self.close()
            raise

    def save(self, checkpoint: Checkpoint) -> None:
        """
        Put *checkpoint* in the place of the one before.

        Raises:
            StoreError: that cannot be done; the one before is still there.
        """
        if self._engine is None:
            raise StoreError(f"{self}: it is not open")
        pages = [("client", page) for page in checkpoint.clients]
        pages += [("event", page) for page in checkpoint.events]
        rows: list[dict[str, Any]] = [
            {"number": number, "kind": kind, "content": zlib.compress(content, 1)}
            for number, (kind, content) in enumerate(pages)
        ]
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(_PAGE))
                connection.execute(delete(_CHECKPOINT))
                if rows:
                    connection.execute(insert(_PAGE), rows)
                saved = {"version": VERSION, "saved_ns": checkpoint.saved_ns, "final": checkpoint.final}
                connection.execute(insert(_CHECKPOINT), saved)
        except SQLAlchemyError as error:
            raise StoreError(f"{self}: nothing can be saved ({_reason(error)})") from error

    def close(self) -> None:
        """Let go of the database; it may be opened again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()
        # Last: closing a descriptor of the file lets go of all that SQLite has locked in it (fcntl(2)).
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def _take_file(self, path: str) -> None:
        try:
            self._lock = open(path, "ab")  # noqa: SIM115 - held as long as the store is open
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise StoreError(
                f"{path}: another monitor uses it; give --store another file, or none"
            ) from error
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}; {_ADVICE}") from error

    def _read(self, engine: Engine) -> Checkpoint | None:
        names = set(inspect(engine).get_table_names())
        if not names & set(_METADATA.tables):
            if names and engine.dialect.name == "sqlite":
                raise StoreError(f"{self}: it is somebody else's database; {_ADVICE}")
            _METADATA.create_all(engine)
        with engine.connect() as connection:
            row = connection.execute(select(_CHECKPOINT)).first()
            if row is None:
                return None
            if row.version != VERSION:
                raise StoreError(
                    f"{self}: written by another version of netlab (layout {row.version}, not {VERSION});"
                    f" {_ADVICE}"
                )
            pages: dict[str, list[bytes]] = {"client": [], "event": []}
            for kind, content in connection.execute(
                select(_PAGE.c.kind, _PAGE.c.content).order_by(_PAGE.c.number)
            ):
                pages.setdefault(kind, []).append(self._inflated(content))
        return Checkpoint(row.saved_ns, tuple(pages["client"]), tuple(pages["event"]), row.final)

    def _inflated(self, content: bytes) -> bytes:
        inflate = zlib.decompressobj()
        try:
            page = inflate.decompress(content, MAX_PAGE)
        except zlib.error as error:
            raise StoreError(f"{self}: it is damaged ({error}); {_ADVICE}") from error
        if not inflate.eof:
            raise StoreError(f"{self}: it is damaged (a page is cut or too long); {_ADVICE}")
        return page


class Nowhere:
    """A store that keeps nothing."""

    def __str__(self) -> str:
        return "none"

    def open(self) -> None:
        """There is nothing from before."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""


_ADVICE = "move it away, or give --store another file or none"


def _reason(error: SQLAlchemyError) -> str:
    cause: BaseException = (isinstance(error, DBAPIError) and error.orig) or error
    return (str(cause).splitlines() or [type(cause).__name__])[0]
