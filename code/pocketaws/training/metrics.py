"""A job's metrics: its own regexes over its log lines, into FinalMetricDataList and CloudWatch.

As AWS does it (docs: "Amazon CloudWatch Metrics for Monitoring and Analyzing Training Jobs", 2026-11):
namespace /aws/sagemaker/TrainingJobs, dimension TrainingJobName, which is what SDK 2's TrainingJobAnalytics
asks for too; FinalMetricDataList has the last value of each metric and its time. CloudWatch takes no NaN and
no infinity (API_MetricDatum), so such a value is left out of both, and stands in the log only.
"""

import json
import math
import queue
import re
import select
import subprocess
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

SCANNER = Path(__file__).with_name("metric_scanner.py")
NAMESPACE = "/aws/sagemaker/TrainingJobs"
ANSWER_WITHIN_S = 5.0  # for one regex over one batch of lines; an honest one takes milliseconds
MAX_BATCH = 10_000  # lines
MAX_DATA = 500  # metrics in one PutMetricData; AWS allows 1,000 (API_PutMetricData)
MAX_VALUES = 150  # values in one MetricDatum (API_MetricDatum)


class MetricScan:
    """Scans the lines it is given in a thread of its own.

    job          a TrainingJob: its `final_metrics` are kept up to date
    warn         called with a text for the job's log when a regex had to be switched off
    """

    def __init__(self, job, cloudwatch, python: str = sys.executable, warn=lambda text: None):
        self._job = job
        self._cloudwatch = cloudwatch
        self._python = python
        self._warn = warn
        self._patterns = usable(job.request["AlgorithmSpecification"].get("MetricDefinitions", []), warn)
        self._final = {row["MetricName"]: row for row in job.final_metrics}  # of attempts before this one
        self._inbox: queue.Queue = queue.Queue(maxsize=32)
        self._scanner: subprocess.Popen | None = None
        self._scanner_patterns: list[str] | None = None  # what it was started with
        self._answers = b""
        self._thread = threading.Thread(target=self._work, name=f"{job.name} metrics", daemon=True)
        self._thread.start()

    def feed(self, lines: list[str], moment_ms: int) -> None:
        """Take lines that were printed at one moment; waits when the scan has fallen far behind."""
        if self._patterns:
            self._inbox.put((lines, moment_ms))

    def close(self) -> None:
        """Scan what is left, publish it, and end the scanner."""
        self._inbox.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (item := self._inbox.get()) is not None:
            lines, moment_ms = item
            for start in range(0, len(lines), MAX_BATCH):
                self._publish(self._scan(lines[start : start + MAX_BATCH]), moment_ms)
        self._stop_scanner()

    def _scan(self, lines: list[str]) -> dict[str, list[float]]:
        """Values by metric name, in the order of the lines."""
        found: dict[str, list[float]] = {}
        done = 0
        while done < len(self._patterns):
            answers = self._ask([regex for _, regex in self._patterns[done:]], lines)
            for matches in answers:
                values = [value for _, text in matches if (value := number(text)) is not None]
                if values:
                    found.setdefault(self._patterns[done][0], []).extend(values)
                done += 1
            if done < len(self._patterns):
                name, _ = self._patterns.pop(done)
                self._warn(
                    f"The regex of metric {name!r} ran for over {ANSWER_WITHIN_S:.0f} s on one batch of log"
                    " lines. It is switched off for the rest of this job."
                )
        return found

    def _ask(self, patterns: list[str], lines: list[str]) -> list[list]:
        """The scanner's answers, one for each pattern; fewer when it got stuck, and then it is killed."""
        scanner = self._scanner_for(patterns)
        answers = []
        try:
            scanner.stdin.write(json.dumps(lines).encode() + b"\n")
            scanner.stdin.flush()
            while len(answers) < len(patterns):
                answers.append(json.loads(self._answer(scanner)))
        except (TimeoutError, BrokenPipeError):
            self._stop_scanner()
        return answers

    def _answer(self, scanner: subprocess.Popen) -> bytes:
        while b"\n" not in self._answers:
            if not select.select([scanner.stdout], [], [], ANSWER_WITHIN_S)[0]:
                raise TimeoutError
            data = scanner.stdout.read(65536)
            if not data:
                raise BrokenPipeError
            self._answers += data
        answer, _, self._answers = self._answers.partition(b"\n")
        return answer

    def _scanner_for(self, patterns: list[str]) -> subprocess.Popen:
        if patterns != self._scanner_patterns:
            self._stop_scanner()
            self._scanner_patterns = patterns
            self._scanner = subprocess.Popen(
                [self._python, "-I", "-S", str(SCANNER)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            )  # fmt: skip
            self._scanner.stdin.write(json.dumps(patterns).encode() + b"\n")
        return self._scanner

    def _stop_scanner(self) -> None:
        if self._scanner:
            self._scanner.kill()
            self._scanner.wait()
            self._scanner.stdin.close()
            self._scanner.stdout.close()
        self._scanner, self._scanner_patterns, self._answers = None, None, b""

    def _publish(self, found: dict[str, list[float]], moment_ms: int) -> None:
        if not found:
            return
        moment = datetime.fromtimestamp(moment_ms / 1000, timezone.utc)
        for name, values in found.items():
            self._final[name] = {"MetricName": name, "Value": values[-1], "Timestamp": moment}
        self._job.metrics.add_all(
            [(name, value, moment, None) for name, values in found.items() for value in values]
        )
        self._job.final_metrics = list(self._final.values())
        data = metric_data(self._job.name, found, moment)
        for start in range(0, len(data), MAX_DATA):
            try:
                self._cloudwatch.put_metric_data(
                    Namespace=NAMESPACE, MetricData=data[start : start + MAX_DATA]
                )
            except (BotoCoreError, ClientError) as err:
                self._warn(f"{len(data)} metric values did not reach CloudWatch: {err}")


def metric_data(job_name: str, found: dict[str, list[float]], moment: datetime) -> list[dict]:
    """PutMetricData's MetricData for values that were printed at one moment."""
    data = []
    for name, values in found.items():
        row = {
            "MetricName": name,
            "Dimensions": [{"Name": "TrainingJobName", "Value": job_name}],
            "Timestamp": moment,
            "StorageResolution": 1,
        }
        if len(values) == 1:
            data.append({**row, "Value": values[0]})
        else:
            pieces = range(0, len(values), MAX_VALUES)
            data += [{**row, "Values": values[start : start + MAX_VALUES]} for start in pieces]
    return data


def usable(definitions: list[dict], warn) -> list[tuple[str, str]]:
    """(name, regex) of the definitions that Python can compile; the others are named to `warn`."""
    found = []
    for definition in definitions:
        regex = re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", definition["Regex"])  # Java's named groups, as on AWS
        try:
            re.compile(regex)
        except re.error as err:
            warn(f"The regex of metric {definition['Name']!r} is not valid: {err}. It is left out.")
        else:
            found.append((definition["Name"], regex))
    return found


def number(text: str) -> float | None:
    """The finite number that a match stands for; None for NaN, infinity and anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
