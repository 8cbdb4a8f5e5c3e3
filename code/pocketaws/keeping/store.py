"""A store of small entries on disk: (kind, key) → bytes, in one SQLite file.

    store = Store(home / "state", beside=[home / "s3"])
    store.put("training-job", "us-east-1/tuneaws-1", b"{...}")
    store.items("training-job")   # [(key, value), ...], in the order in which the keys came
    store.change(puts=[(kind, key, value), ...], deletes=[(kind, key), ...])   # all of it or nothing

What a call wrote is with the operating system when it returns: it survives SIGKILL of this process. It is
not forced to the disk (WAL, synchronous=NORMAL): a power cut may take the last entries, and leaves the rest
whole. (https://sqlite.org/wal.html, https://sqlite.org/pragma.html#pragma_synchronous, 2026-11)

Nothing is half read. A file of another format is set aside under another name, with the folders that belong
to it; an entry whose checksum is wrong is set aside alone; of a file with damaged pages the entries that can
be read are kept. Each of these is a line in the log.
"""

import logging
import re
import sqlite3
import threading
import zlib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

log = logging.getLogger("pocketaws")

FORMAT = 1  # of the file and of what is in it; another one is not read, nor one with another moto's objects
FILE = "state.sqlite"
MOST_ENTRIES = 10**7  # looked for in a damaged file, whose own count may be damaged too
DAMAGED = "damaged "  # before the kind of an entry that could not be read
TABLES = """
create table format (is_now text not null);
create table entries (
    number integer primary key,
    kind text not null, key text not null, value blob not null, crc integer not null,
    unique (kind, key)
)
"""
PUT = """
insert into entries (kind, key, value, crc) values (?, ?, ?, ?)
on conflict (kind, key) do update set value = excluded.value, crc = excluded.crc
"""


class StoreClosed(Exception):
    """The store was closed: the local AWS is ending, and what was to be kept is not."""


class Store:
    """Entries in <folder>/state.sqlite. May be used by any thread; writes are one after the other.

    folder   is made where it is missing; one process at a time may hold it (the home's lock sees to that)
    beside   folders whose content this one describes: they are set aside together with it
    Raises   OSError or sqlite3.Error where the folder cannot be written
    """

    def __init__(self, folder: Path, beside: Iterable[Path] = ()):
        self.folder, self._beside, self._lock = folder, list(beside), threading.RLock()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as err:
            if isinstance(err, sqlite3.OperationalError):  # no room, no right: the file is not to blame
                raise
            self._db = self._rescue(err)

    def put(self, kind: str, key: str, value: bytes) -> None:
        """Keep one entry, in place of the one of that kind and key. Raises StoreClosed, sqlite3.Error."""
        self.change(puts=[(kind, key, value)])

    def delete(self, kind: str, key: str) -> None:
        """Forget one entry, where there is one."""
        self.change(deletes=[(kind, key)])

    def clear(self, kind: str) -> None:
        """Forget every entry of this kind."""
        self.change(clears=[kind])

    def change(
        self,
        puts: Iterable[tuple[str, str, bytes]] = (),
        deletes: Iterable[tuple[str, str]] = (),
        clears: Iterable[str] = (),
    ) -> None:
        """Forget kinds, forget entries, keep entries: after a crash all of that is done, or none of it."""
        rows = [(kind, key, value, _checksum(kind, key, value)) for kind, key, value in puts]
        with self._lock:
            db = self._connection()
            db.execute("begin immediate")
            try:
                db.executemany("delete from entries where kind = ?", ((kind,) for kind in clears))
                db.executemany("delete from entries where kind = ? and key = ?", deletes)
                db.executemany(PUT, rows)
                db.execute("commit")
            except BaseException:
                if db.in_transaction:
                    db.execute("rollback")
                raise

    def items(self, kind: str) -> list[tuple[str, bytes]]:
        """[(key, value)] of a kind, oldest key first. An entry that was damaged on disk is set aside."""
        with self._lock:
            query = "select key, value, crc from entries where kind = ? order by number"
            rows = self._connection().execute(query, (kind,)).fetchall()
        good = []
        for key, value, crc in rows:
            if _checksum(kind, key, value) == crc:
                good.append((key, value))
            else:
                self.set_aside(kind, key, "its checksum is wrong")
        return good

    def kinds(self) -> list[str]:
        """The kinds that have entries, sorted; those set aside are not among them."""
        with self._lock:
            rows = self._connection().execute("select distinct kind from entries order by kind").fetchall()
        return [kind for (kind,) in rows if not kind.startswith(DAMAGED)]

    def set_aside(self, kind: str, key: str, reason: str) -> None:
        """Read this entry no more: it stays in the file as "damaged <kind>", and the log says why."""
        log.warning("%s: the %s %s is set aside: %s", self.folder / FILE, kind, key, reason)
        with self._lock:
            self._connection().execute(
                "update or replace entries set kind = ? where kind = ? and key = ?",
                (DAMAGED + kind, kind, key),
            )

    def close(self) -> None:
        """Close the file. Whoever puts something afterwards gets StoreClosed."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise StoreClosed("the local AWS is shutting down: nothing more is kept")
        return self._db

    def _open(self) -> sqlite3.Connection:
        db = self._connect()
        wanted, found = f"{FORMAT}, moto {metadata.version('moto')}", _format_of(db)
        if found not in (None, wanted):
            db.close()
            log.warning("%s has format %s, this pocketaws reads %s", self.folder / FILE, found, wanted)
            self._rename_all("format-" + re.sub(r"[^0-9a-z.]+", "-", found))
            db = self._connect()
        (verdict,) = db.execute("pragma quick_check(1)").fetchone()
        if verdict != "ok":
            db.close()
            raise sqlite3.DatabaseError(verdict)
        if found != wanted:
            db.executescript(f"begin; {TABLES}; insert into format values ('{wanted}'); commit")
        return db

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.folder / FILE, isolation_level=None, check_same_thread=False)
        try:
            db.execute("pragma journal_mode = wal")
            db.execute("pragma synchronous = normal")
        except sqlite3.DatabaseError:
            db.close()
            raise
        return db

    def _rescue(self, error: Exception) -> sqlite3.Connection:
        """A new file with every entry of the damaged one that can be read; that one stays beside it."""
        old = self.folder / _free_name(self.folder, FILE, "damaged")
        for suffix in ("", "-wal"):
            part = self.folder / (FILE + suffix)
            if part.exists():
                part.rename(old.with_name(old.name + suffix))
        (self.folder / (FILE + "-shm")).unlink(missing_ok=True)
        self._db = self._open()
        rows = _readable(old)
        self.change(puts=rows)
        log.warning("%s was damaged (%s): %d entries read from it; it is kept as %s",
                    self.folder / FILE, error, len(rows), old.name)  # fmt: skip
        return self._db

    def _rename_all(self, label: str) -> None:
        """Give this folder and those beside it other names, and begin anew."""
        for folder in (self.folder, *self._beside):
            if folder.exists():
                new = folder.with_name(_free_name(folder.parent, folder.name, label))
                folder.rename(new)
                log.warning("%s is set aside as %s", folder, new.name)
        self.folder.mkdir(parents=True)


def _format_of(db: sqlite3.Connection) -> str | None:
    """What a file says its format is; None of a new one."""
    tables = {name for (name,) in db.execute("select name from sqlite_schema where type = 'table'")}
    if not tables:
        return None
    row = db.execute("select is_now from format").fetchone() if "format" in tables else None
    return row[0] if row else "0"


def _checksum(kind: str, key: str, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(f"{kind}\0{key}".encode()))


def _free_name(folder: Path, name: str, label: str) -> str:
    wanted, number = f"{name}.{label}", 2
    while (folder / wanted).exists():
        wanted, number = f"{name}.{label}.{number}", number + 1
    return wanted


def _readable(path: Path) -> list[tuple[str, str, bytes]]:
    """What can be read of a damaged file: entry by entry, past those that cannot."""
    rows, number = [], 0
    db = sqlite3.connect(path)
    try:
        (last,) = db.execute("select max(number) from entries").fetchone()
        while number < min(last or 0, MOST_ENTRIES):
            number += 1
            try:
                row = db.execute(
                    "select kind, key, value, crc from entries where number = ?", (number,)
                ).fetchone()
            except sqlite3.DatabaseError:
                continue
            if row and _checksum(*row[:3]) == row[3]:
                rows.append(row[:3])
    except sqlite3.DatabaseError as err:
        log.warning("%s: nothing can be read: %s", path, err)
    finally:
        db.close()
    return rows
