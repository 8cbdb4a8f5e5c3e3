"""A resource whose state outlives the server: what it has to keep is written whenever it changes.

    class Model(Kept):
        KEPT = ("name", "arn", "tags", "container")

    table.add(model, taken)         # from here on model.tags = {…} is on disk before the next line runs
    with model.changing():          # several members, kept together: a kill finds all of them or none
        model.status, model.last_modified = "Failed", now()

A member that is changed in place (a list that grows) is not seen: change it within changing(), which keeps
the resource at its end whatever was done, or set it anew.
"""

import contextlib
import logging
import sqlite3
import threading

from pocketaws.keeping import json_values
from pocketaws.keeping.store import StoreClosed

log = logging.getLogger("pocketaws")


class Kept:
    """State on disk. KEPT has the names of the members that are kept; the others are made by unkept().

    arn        tells it apart from all others of its kind
    """

    KEPT: tuple[str, ...] = ()
    _store = _kind = None
    _open = 0  # changing() blocks that have not ended

    def unkept(self) -> None:
        """Make what is not kept: locks, events. Called first in __init__, and last when it was read."""
        self._lock = threading.RLock()

    @property
    def reference(self) -> str:
        """How others that are kept name it: "<kind> <ARN>"."""
        return f"{self._kind} {self.arn}"

    def __setattr__(self, name: str, value) -> None:
        if self._store is None or name not in self.KEPT:
            object.__setattr__(self, name, value)
            return
        with self._lock:
            object.__setattr__(self, name, value)
            if not self._open and self._store is not None:  # forgotten meanwhile
                self._write_or_log()

    @contextlib.contextmanager
    def changing(self):
        """Hold its lock, and keep it when the outermost of these blocks ends."""
        with self._lock:
            self._open += 1
            try:
                yield
            finally:
                self._open -= 1
                if not self._open and self._store is not None:
                    self._write_or_log()

    def keep_in(self, store, kind: str) -> None:
        """Keep it in a store from now on. Raises the store's errors: then it is not kept."""
        self._kind, self._store = kind, store
        try:
            self._write()
        except BaseException:
            self._store = None
            raise

    def stay_in(self, store, kind: str) -> None:
        """It was read from this store: changes are kept there from now on."""
        self._kind, self._store = kind, store

    def forget(self) -> None:
        """Take it out of its store. Safe to call twice."""
        with self._lock:
            store, self._store = self._store, None
            if store is not None:
                store.delete(self._kind, self.arn)

    def record(self) -> dict:
        """What is kept."""
        return {name: getattr(self, name) for name in self.KEPT}

    @classmethod
    def of_record(cls, record: dict):
        """The resource of a record. Raises Unreadable when a member is missing."""
        missing = [name for name in cls.KEPT if name not in record]
        if missing:
            raise json_values.Unreadable(f"it has no {', '.join(missing)}")
        made = cls.__new__(cls)
        for name in cls.KEPT:
            object.__setattr__(made, name, record[name])
        made.unkept()
        return made

    def _write(self) -> None:
        self._store.put(self._kind, self.arn, json_values.write(self.record()))

    def _write_or_log(self) -> None:
        """Keep it. A full disk does not end what runs: the next change is kept with this one."""
        try:
            self._write()
        except StoreClosed:
            pass  # the server ends; what runs is found as it was, and failed by the next one
        except (sqlite3.Error, OSError) as err:
            log.error("%s %s could not be kept: %s", self._kind, self.arn, err)
