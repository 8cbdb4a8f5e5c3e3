"""A training job's log in CloudWatch Logs, read as it grows.

Group /aws/sagemaker/TrainingJobs, one stream an instance, named <job>/algo-<n>-<epoch>
(https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html, 2026-11).
"""

GROUP = "/aws/sagemaker/TrainingJobs"


class LogReader:
    """Reads what is new in a job's log each time it is asked.

    reader = LogReader(logs, "my-job")
    for event in reader.read():     # {"time_ms": 1795331000000, "host": "algo-1", "text": "..."}
    """

    def __init__(self, logs, job_name: str, group: str = GROUP):
        self._logs, self._job, self._group = logs, job_name, group
        self._tokens = {}  # stream name -> where to read on

    def read(self) -> list:
        """Return the new events of all instances, oldest first; [] while there is no log yet."""
        events = []
        for stream in self._streams():
            events += self._read_stream(stream)
        return sorted(events, key=lambda event: event["time_ms"])  # stable: a stream keeps its own order

    def _streams(self) -> list:
        pages = self._logs.get_paginator("describe_log_streams").paginate(
            logGroupName=self._group, logStreamNamePrefix=f"{self._job}/")
        try:
            return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
        except self._logs.exceptions.ResourceNotFoundException:
            return []  # the group is made with the account's first job

    def _read_stream(self, stream: str) -> list:
        host = stream.rpartition("/")[2].rpartition("-")[0]
        events = []
        while True:
            token = self._tokens.get(stream)
            more = {"nextToken": token} if token else {}
            page = self._logs.get_log_events(logGroupName=self._group, logStreamName=stream,
                                             startFromHead=True, **more)
            events += [dict(time_ms=e["timestamp"], host=host, text=e["message"]) for e in page["events"]]
            # The end of a stream is a page whose token is the one it was asked with. A page may be empty
            # before the end (API reference of GetLogEvents, 2026-11).
            self._tokens[stream] = page["nextForwardToken"]
            if page["nextForwardToken"] == token:
                return events


def log_lines(logs, job_name: str, tail: int | None = None, group: str = GROUP) -> list:
    """Return the job's log as lines of text, all of them or the last `tail`."""
    lines = [event["text"].rstrip("\r\n") for event in LogReader(logs, job_name, group).read()]
    return lines[-tail:] if tail else lines
