"""Threads for requests that mostly wait: as many as there are such requests, none while there are none."""

import ctypes
import logging
import threading
from collections import deque

log = logging.getLogger("pocketaws")
MOST = 600  # at once; what is beyond waits in line
IDLE_S = 5.0  # a thread without work ends after this


class ElasticThreads:
    """Runs tasks (objects with a service()), each in a thread that serves nothing else meanwhile."""

    def __init__(self, most: int = MOST, idle_s: float = IDLE_S):
        self.most, self.idle_s = most, idle_s
        self.count = self._idle = 0
        self._tasks: deque = deque()
        self._changed = threading.Condition()

    def add_task(self, task) -> None:
        """Have a task run at once, in a thread that has no work or in a new one."""
        with self._changed:
            self._tasks.append(task)
            if self._idle >= len(self._tasks) or self.count >= self.most:
                self._changed.notify()
                return
            self.count += 1
        threading.Thread(target=self._run, name="invocation", daemon=True).start()

    def _run(self) -> None:
        while (task := self._next()) is not None:
            try:
                task.service()
            except Exception:  # such as a server that closes meanwhile: the thread is there for the next
                log.exception("failed while serving %r", task)
            del task  # an idle thread holds no request

    def _next(self):
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._tasks, self.idle_s)
            self._idle -= 1
            if self._tasks:
                return self._tasks.popleft()
            self.count -= 1
            last = self.count == 0
        if last:
            return_freed_memory()
        return None


def return_freed_memory() -> None:
    """Have glibc give what is free in between back to the system; elsewhere do nothing.

    A few hundred threads leave much of it: of 194 MB after ten times 200 requests of 100 kB, 166 stay.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
