"""Which process answers: finds or starts it, asks it, ends those that nobody needs."""

import json
import shutil
import threading
import time
from concurrent.futures import TimeoutError as FutureTimeout
from itertools import count
from pathlib import Path

from pocketaws.bedrock_serving.errors import ModelGone, ModelTimeout, NotUp, Refused
from pocketaws.bedrock_serving.process import ModelProcess
from pocketaws.bedrock_serving.questions import Part, Question, Whole
from pocketaws.hosting.errors import ContainerGone, ContainerRefused, ContainerTimeout

KEEP = 4  # processes; one takes about 400 MB, most of it PyTorch
IDLE_S = 600.0
LOOK_EVERY_S = 15.0
NEWS_S = 0.5  # from a broken connection to the news that its process has ended, at most
HEADERS = {"Content-Type": "application/json"}


class Serving:
    """All models' processes of one local AWS. Every method may be called from any thread."""

    def __init__(self, home: Path, endpoint_url: str, python: str, keep: int = KEEP, idle_s: float = IDLE_S):
        self._root, self._hub = home / "bedrock" / "serving", home / "hub"
        self._endpoint_url, self._python = endpoint_url, python
        self._keep, self._idle_s = keep, idle_s
        self._processes: dict[Path, ModelProcess] = {}
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        shutil.rmtree(self._root, ignore_errors=True)  # what a killed server left

    def whole(self, model: Path, question: Question, timeout_s: float, wait: bool = True) -> Whole:
        """The whole answer. wait: for a process that is being started; else NotUp is raised at once.

        Raises Refused, NotUp, ModelTimeout, ModelGone.
        """
        with self._asked(model, question.body(), timeout_s, wait) as exchange:
            return Whole(**json.loads(exchange.read()))

    def streamed(self, model: Path, question: Question, timeout_s: float, wait: bool = True) -> "Stream":
        """The answer part by part, from its first token on. Errors before that are raised here."""
        return Stream(self._asked(model, question.body(stream=True), timeout_s, wait))

    def openai(self, model: Path, data: dict, timeout_s: float, wait: bool = True) -> "Asked":
        """A body in OpenAI's format as the model's process answers it: read() it, or its lines()."""
        body = json.dumps({"do": "openai", "data": data}).encode()
        return self._asked(model, body, timeout_s, wait)

    def forget(self, model: Path) -> None:
        """End the process of a model that is being deleted."""
        with self._lock:
            process = self._processes.pop(model, None)
        if process is not None:
            process.close()

    def close(self, grace_s: float = 0.0) -> None:
        """End every process; a model needs no time to end."""
        self._closed.set()
        with self._lock:
            processes, self._processes = list(self._processes.values()), {}
        for process in processes:
            process.close()

    def _asked(self, model: Path, body: bytes, timeout_s: float, wait: bool) -> "Asked":
        """Send a body to the model's process, starting one if need be."""
        deadline = time.monotonic() + timeout_s
        for _ in range(3):
            process = self._take(model)
            asked = Asked(process, self._give_back)
            try:
                connections = self._connections(process, deadline, wait)
                asked.exchange = connections.post(body, HEADERS, max(0.001, deadline - time.monotonic()))
                asked.check()
                return asked
            except ContainerRefused:
                process.close()  # it ended, and its end was not heard of yet
            except ContainerTimeout as err:
                raise ModelTimeout(str(err)) from err
            except ContainerGone as err:
                process.ended_within(NEWS_S)
                raise ModelGone(str(err)) from err
            finally:
                if asked.exchange is None or asked.over:
                    asked.close()
        raise NotUp(f"The process of the model in {model} took no question three times.", failed=True)

    @staticmethod
    def _connections(process: ModelProcess, deadline: float, wait: bool):
        if not wait and not process.up.done():
            raise NotUp("The model's process is being started.")
        try:
            return process.up.result(max(0.0, deadline - time.monotonic()))
        except FutureTimeout as err:
            raise ModelTimeout("the model's process was not up in time") from err

    def _take(self, model: Path) -> ModelProcess:
        """The process of a model, new if none lives; it counts as asked until it is given back."""
        with self._lock:
            if self._closed.is_set():
                raise NotUp("The local AWS is shutting down.")
            process, gone = self._processes.get(model), None
            if process is None or not process.alive:
                gone, process = process, self._new(model)
            process.in_flight += 1
            process.last_used = time.monotonic()
            ended = self._surplus()
        for each in [*filter(None, [gone]), *ended]:
            threading.Thread(target=each.close, daemon=True).start()
        return process

    def _new(self, model: Path) -> ModelProcess:
        if not self._processes:
            threading.Thread(target=self._end_idle, name="idle models", daemon=True).start()
        folder = self._root / str(next(self._numbers))
        process = ModelProcess(model, folder, self._python, self._endpoint_url, self._hub)
        self._processes[model] = process
        process.start()
        return process

    def _surplus(self) -> list[ModelProcess]:
        """Take the least recently used ones out, if there are too many; never one that has a question."""
        free = sorted(
            (each for each in self._processes.values() if not each.in_flight), key=lambda each: each.last_used
        )
        out = free[: max(0, len(self._processes) - self._keep)]
        for process in out:
            del self._processes[process.model]
        return out

    def _give_back(self, process: ModelProcess) -> None:
        with self._lock:
            process.in_flight -= 1
            process.last_used = time.monotonic()

    def _end_idle(self) -> None:
        """End what nobody has asked for a while; stops when no process is left."""
        while not self._closed.wait(min(LOOK_EVERY_S, self._idle_s / 4)):
            now = time.monotonic()
            with self._lock:
                idle = [
                    each
                    for each in self._processes.values()
                    if not each.in_flight and now - each.last_used > self._idle_s
                ]
                for process in idle:
                    del self._processes[process.model]
                over = not self._processes
            for process in idle:
                process.close()
            if over:
                return


class Asked:
    """A question that a process has. Closing it gives the process back; also a context manager."""

    def __init__(self, process: ModelProcess, give_back):
        self.exchange = None
        self.over = False
        self._process, self._give_back = process, give_back
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise what the process says of a question that it does not take."""
        if self.exchange.status == 200:
            return
        said = json.loads(self.read())
        if self.exchange.status == 422:
            raise Refused(said["message"], said["kind"])
        raise ModelGone(said.get("message", f"the model's process answered {self.exchange.status}"))

    def read(self) -> bytes:
        """The rest of the answer, whole."""
        return b"".join(self._pieces())

    def lines(self):
        """The lines of the answer, each as soon as it is there."""
        rest = b""
        for piece in self._pieces():
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
        if rest:
            yield rest

    def _pieces(self):
        try:
            yield from self.exchange.pieces()
        except ContainerTimeout as err:
            raise ModelTimeout(str(err)) from err
        except ContainerGone as err:
            self._process.ended_within(NEWS_S)  # so that the next question finds it gone
            raise ModelGone(str(err)) from err
        finally:
            self.close()

    def close(self) -> None:
        """Let the process go; it stops work on an answer that is not over. From any thread, and twice."""
        with self._lock:
            over, self.over = self.over, True
        if self.exchange is not None:
            self.exchange.close()
        if not over:
            self._give_back(self._process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Stream:
    """A streamed answer: `parts` yields each Part as the model makes it."""

    def __init__(self, asked: Asked):
        self._asked = asked
        self.close = asked.close

    @property
    def parts(self):
        """Part after Part. Raises ModelTimeout, ModelGone."""
        ended = False
        for line in self._asked.lines():
            part = Part(**json.loads(line))
            ended = part.reason is not None
            yield part
        if not ended:
            raise ModelGone("the model's process broke off its answer")
