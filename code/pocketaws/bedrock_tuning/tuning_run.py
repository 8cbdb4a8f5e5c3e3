"""One customization job: validation, dataProcessing, training, its results, and every way it can end."""

import json
import logging
import os
import queue
import threading
from itertools import islice

from pocketaws import hub_cache
from pocketaws.bedrock_tuning import hyperparameters, metrics_files
from pocketaws.bedrock_tuning.data_files import DataFile
from pocketaws.bedrock_tuning.training_rules import (
    TRAINING,
    VALIDATION,
    Counted,
    Problem,
    count_problems,
    line_problems,
)
from pocketaws.folders import remove
from pocketaws.keeping import cut_off
from pocketaws.processes import environment
from pocketaws.processes.last_error import error_message
from pocketaws.s3_files import S3FilesError

log = logging.getLogger("pocketaws")
BASE = hub_cache.SHIPPED / "chat-1m"  # stands in for every foundation model
MODULE = "pocketaws.bedrock_tuning.tune"
SHOWN = 5  # problems that a failureMessage tells; the others are counted
NOT_JSONL = "Unable to parse Amazon S3 file: {name}. Data files must conform to JSONL format."
PARSING = {"not-utf8", "not-json", "not-an-object", "empty-line"}


class Failed(Exception):
    """The job has failed; the text is its failureMessage."""


class Stopped(Exception):
    """The job was asked to stop, or the server ends."""


class TuningRun:
    """Runs one job; `run` is the body of its thread.

    engine   the TuningEngine      job        a CustomizationJob
    s3       boto3 client          finished   see TuningEngine.start
    """

    def __init__(self, engine, job, s3, finished):
        self.engine, self.job, self.s3, self.finished = engine, job, s3, finished
        self.folder = engine.folder / job.id
        self.limits = job.base_model.limits
        self.stopping = threading.Event()
        self.inbox: queue.Queue = queue.Queue()  # ("line", text), ("exited", code or None), ("stop",)
        self.validators = [DataFile(s3, uri, VALIDATION) for uri in job.validation_uris]

    def stop(self) -> None:
        """End the job soon."""
        self.stopping.set()
        self.inbox.put(("stop", None))

    def run(self) -> None:
        """Take the job through its phases. Every way that it can fail ends in failureMessage."""
        try:
            self.folder.mkdir(parents=True)
            self._validate()
            if not self.engine.turns.wait(self, self.stopping):
                raise Stopped
            losses = self._train()
            self._should_stop()
            self.finished(self.job, self.folder / "model", losses)
            if not self.job.ended.is_set():  # asked to stop while the model was on its way
                raise Stopped
        except Stopped:
            if self.job.stop_requested.is_set():
                self.job.stopped()
            else:
                self.job.fail(cut_off.CUSTOMIZATION)
        except (Failed, S3FilesError) as err:
            self.job.fail(str(err))
        except OSError as err:
            self.job.fail(f"the job's folder could not be used: {err.strerror or err}")
        except Exception as err:  # a fault of pocketaws: the job says so, the server lives on
            log.exception("customization job %s", self.job.name)
            self.job.fail(f"InternalServerError: pocketaws failed: {type(err).__name__}: {err}")
        finally:
            remove(self.folder)

    def _should_stop(self) -> None:
        if self.stopping.is_set() or self.job.stop_requested.is_set():
            raise Stopped

    # --- validation

    def _validate(self) -> None:
        """Hold the data to the rules; the files are in the folder afterwards."""
        self._begin("validation")
        found = self._problems()
        seen = list(islice(found, SHOWN))
        if seen:
            raise Failed(_told(seen, sum(1 for _ in found), self._names()))
        self.job.end("validation")

    def _problems(self):
        """Every problem of the job's hyperparameters and files, as they are found."""
        if "schema" not in self.limits:
            raise Failed(
                f"pocketaws does not know the data rules of {self.job.base_model.id}, so it tunes none."
            )
        yield from hyperparameters.problems(self.job.request.get("hyperParameters", {}), self.limits)
        counted, training = Counted(), DataFile(self.s3, self.job.training_uri)
        for number, file in enumerate([training, *self.validators]):
            outside = list(file.file_problems(self.limits))
            yield from outside
            if not outside:
                copy = self.folder / f"{file.kind}-{number}.jsonl"
                yield from line_problems(file.lines(copy, self._should_stop), self.limits, counted, file.kind)
        yield from count_problems(self.limits, counted)

    def _names(self) -> dict[str, str]:
        names = ", ".join(dict.fromkeys(file.name for file in self.validators))
        return {TRAINING: self.job.training_uri.rpartition("/")[2], VALIDATION: names}

    # --- dataProcessing and training

    def _train(self):
        """Run the trainer's process to its end, and put its metrics into S3; the Losses."""
        self._begin("dataProcessing")
        self._write_settings()
        output = Output(lambda line: self.inbox.put(("line", line)))
        host = self.engine.host(self.job, output, lambda _, event: self.inbox.put(("exited", event)))
        try:
            host.run(self._argv(), str(self.folder), _environment())
            self._follow(host)
        finally:
            host.close()
        return metrics_files.publish(self.s3, self.job, self.folder)

    def _argv(self) -> list[str]:
        return [self.engine.python, "-m", MODULE, str(self.folder)]

    def _write_settings(self) -> None:
        chosen = hyperparameters.settings(self.job.hyperparameters, self.limits)
        (self.folder / "settings.json").write_text(
            json.dumps({
                "base": str(BASE),
                "schema": self.limits["schema"],
                "epochs": chosen.epochs,
                "learning_rate": chosen.learning_rate,
                "warmup_steps": chosen.warmup_steps,
            }),
            encoding="utf-8",
        )  # fmt: skip

    def _follow(self, host) -> None:
        """Serve the process's lines until it has ended and said all. Raises Failed, Stopped."""
        tail: list[str] = []
        while True:
            kind, value = self.inbox.get()
            if kind == "stop":
                raise Stopped
            if kind == "exited":
                host.close()  # reads its output to the end
                self.inbox.put(("said all", value))
            elif kind == "line":
                tail = [*tail[-40:], value]
                if value == "[phase] training":
                    self.job.end("dataProcessing")
                    self._begin("training")
            elif value.get("code") == 0:
                self.job.end("training")
                return
            else:
                raise Failed(_why(value, tail))

    def _begin(self, phase: str) -> None:
        if not self.job.begin(phase):
            raise Stopped


class Output:
    """The process's output, given on line by line."""

    def __init__(self, on_line):
        self._on_line, self._rest = on_line, b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._on_line(line.decode(errors="replace").rstrip())

    def end_of_output(self) -> None:
        if self._rest:
            self._on_line(self._rest.decode(errors="replace").rstrip())
            self._rest = b""


def _told(seen: list[Problem], more: int, names: dict[str, str]) -> str:
    """The failureMessage of broken rules: AWS's sentence where it has one, then each with its line."""
    parts = []
    broken = next((problem for problem in seen if problem.rule in PARSING), None)
    if broken is not None:
        parts.append(NOT_JSONL.format(name=names[broken.file]))
    parts += [f"{str(problem)[0].upper()}{str(problem)[1:]}" for problem in seen]
    if more:
        parts.append(f"And {more:,} more.")
    return "\n".join(parts)


def _why(event: dict, tail: list[str]) -> str:
    """What a trainer that ended badly has to say."""
    told = next((line.removeprefix("[failed] ") for line in tail if line.startswith("[failed] ")), None)
    if told:
        return told
    if event.get("oom"):
        return "the machine ran out of memory while the model was tuned. Close other programs and try again."
    return error_message(tail) or event.get("error") or f"the trainer ended with code {event.get('code')}"


def _environment() -> dict[str, str]:
    """What the trainer's process sees: nothing of AWS, pocketaws on its path, threads that sleep."""
    path = os.pathsep.join(filter(None, [str(environment.CODE), os.environ.get("PYTHONPATH", "")]))
    return {
        **environment.inherited(),
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
    }
