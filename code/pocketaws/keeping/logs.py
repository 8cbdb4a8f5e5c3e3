"""CloudWatch Logs in the store: groups and streams in one piece, events by what each call added.

    kind                  key       value
    service               logs      a pickle of moto's log groups, in which a stream is a name and a time
    log events <stream>   <number>  JSON: {"at": ingestion time in ms, "id": of the first event,
                                           "events": [[timestamp in ms, message], ...]}

All else that a stream says of itself follows from its calls: its size, its token, when it was written to.
"""

import json
import uuid
from datetime import datetime, timedelta

import moto.logs.models as models

from pocketaws.keeping.s3_objects import Touched, noted
from pocketaws.keeping.store import Store
from pocketaws.keeping.wholes import KIND, Whole

EVENTS = "log events "
EPOCH = datetime(1970, 1, 1)  # moto's times are naive, in UTC


class KeptStream(models.LogStream):
    """moto's stream, which notes what a request adds to it. kept_as: its name in the store."""

    def __new__(cls, *_, **__):
        return object.__new__(cls)

    def __init__(self, log_group, name: str):
        super().__init__(log_group, name)
        self.kept_as, self.kept_calls = uuid.uuid4().hex, 0

    def put_log_events(self, log_events):
        before = len(self.events)
        token = super().put_log_events(log_events)
        noted().streams.append((self, self.events[before:]))
        return token

    @classmethod
    def restored(cls, kept_as: str, name: str, created: datetime, account: str, region: str) -> "KeptStream":
        """A stream with neither events nor a group yet."""
        stream = object.__new__(cls)
        stream.__dict__.update(
            kept_as=kept_as, log_stream_name=name, creation_time=created, account_id=account, region=region,
            kept_calls=0, stored_bytes=0, upload_sequence_token=0, events=[], last_ingestion_time=None,
            first_event_timestamp=None, last_event_timestamp=None,
        )  # fmt: skip
        return stream

    def take(self, key: str, call: dict) -> None:
        """Add again what one call added."""
        for number, (timestamp, message) in enumerate(call["events"]):
            event = object.__new__(models.LogEvent)
            event.__dict__.update(
                ingestion_time=call["at"], timestamp=timestamp, message=message, event_id=call["id"] + number
            )
            self.events.append(event)
            self.stored_bytes += len(message)
        self.kept_calls, self.upload_sequence_token = int(key) + 1, self.upload_sequence_token + 1
        self.last_ingestion_time = EPOCH + timedelta(milliseconds=call["at"])


class LogsKeeper(Whole):
    """Keeps and restores all log groups. Not thread-safe: the Keeper's lock is held."""

    def __init__(self, store: Store):
        super().__init__(store, "logs", {"logs": models.logs_backends})
        self._streams: set[str] = set()
        models.LogStream = KeptStream

    def keep(self, things: Touched, structure: bool) -> None:
        """Write what a request added to streams and, where it may have changed them, the groups."""
        puts = [_entry(stream, events) for stream, events in things.streams]
        now = self._streams
        if structure and (content := self.content()) is not None:
            puts.append((KIND, "logs", content))
            now = {stream.kept_as for stream in _streams()}
        if puts:
            with self.kept_or_not():
                self._store.change(puts, clears={EVENTS + name for name in self._streams - now})
            self._streams = now

    def restore(self) -> None:
        """Give moto the groups, the streams and their events."""
        super().restore()
        for _, _, backend in models.logs_backends.iter_backends():
            for group in backend.groups.values():
                for stream in group.streams.values():
                    if not isinstance(stream, KeptStream):  # moto's own, of before it was taught to keep
                        continue
                    stream.log_group, stream.arn = group, f"{group.arn}:log-stream:{stream.log_stream_name}"
                    self._read_events(stream)
        self._streams = {stream.kept_as for stream in _streams()}

    def _read_events(self, stream: KeptStream) -> None:
        last = models.LogEvent._event_id
        for key, value in self._store.items(EVENTS + stream.kept_as):
            try:
                call = json.loads(value)
                stream.take(key, call)
            except (ValueError, KeyError, TypeError) as err:
                self._store.set_aside(EVENTS + stream.kept_as, key, f"{type(err).__name__}: {err}")
                continue
            last = max(last, call["id"] + len(call["events"]))
        models.LogEvent._event_id = last

    def name_of(self, thing) -> tuple | None:
        """As Whole's, and a stream's."""
        if isinstance(thing, KeptStream):
            return ("stream", thing.kept_as, thing.log_stream_name, thing.creation_time, thing.account_id,
                    thing.region)  # fmt: skip
        return super().name_of(thing)

    def find(self, name: tuple):
        """As Whole's, and an empty stream."""
        return KeptStream.restored(*name[1:]) if name[0] == "stream" else super().find(name)


def _streams() -> list[KeptStream]:
    return [
        stream
        for _, _, backend in list(models.logs_backends.iter_backends())
        for group in backend.groups.values()
        for stream in group.streams.values()
        if isinstance(stream, KeptStream)
    ]


def _entry(stream: KeptStream, events: list) -> tuple[str, str, bytes]:
    call = {
        "at": events[0].ingestion_time if events else _milliseconds(stream.last_ingestion_time),
        "id": events[0].event_id if events else 0,
        "events": [[event.timestamp, event.message] for event in events],
    }
    number, stream.kept_calls = stream.kept_calls, stream.kept_calls + 1
    return (
        EVENTS + stream.kept_as,
        f"{number:08}",
        json.dumps(call, ensure_ascii=False).encode("utf-8", "surrogatepass"),
    )


def _milliseconds(moment: datetime) -> int:
    return int((moment - EPOCH) / timedelta(milliseconds=1))
