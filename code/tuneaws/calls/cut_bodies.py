"""An object's content that breaks off in the middle is read on from there.

botocore makes a GetObject again that failed before its answer. The content comes later, while you read it:
there a broken connection is an error, and what was read is half an object.
"""

import re

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import ProtocolError, ReadTimeoutError

TRIES = 5  # in a row without a byte more
RANGE = re.compile(r"bytes (\d+)-(\d+)/")


def read_on(answer: dict, asked: dict, make) -> None:
    """Have answer["Body"] read on when it breaks off.

    answer  what GetObject answered        asked  its request
    make    make("GetObject", {…}) asks again
    Where the object has changed meanwhile the first error stands: S3 is asked for the same ETag only.
    """
    if "ETag" not in answer or "PartNumber" in asked:
        return
    place = RANGE.match(answer.get("ContentRange", ""))
    first = int(place[1]) if place else 0
    last = first + answer["ContentLength"] - 1

    def rest(offset: int):
        more = {"Range": f"bytes={first + offset}-{last}", "IfMatch": answer["ETag"]}
        return make("GetObject", {**asked, **more})["Body"]._raw_stream

    answer["Body"]._raw_stream = Content(answer["Body"]._raw_stream, answer["ContentLength"], rest)


class Content:
    """The bytes of an object, over as many connections as it takes.

    raw    urllib3's response      length  bytes      rest  rest(offset) opens the content again from there
    """

    def __init__(self, raw, length: int, rest):
        self._raw, self._length, self._rest, self._at = raw, length, rest, 0

    def read(self, amt=None) -> bytes:
        """At most amt bytes, all of them without it; b"" at the end."""
        if amt is not None:
            return self._some(amt)
        pieces = []
        while piece := self._some(None):
            pieces.append(piece)
        return b"".join(pieces)

    def _some(self, amt) -> bytes:
        for left in range(TRIES, -1, -1):
            try:
                piece = self._raw.read(amt)
            except (ProtocolError, ReadTimeoutError) as err:
                broken: Exception | None = err
            else:
                self._at += len(piece)
                if piece or amt == 0 or self._at >= self._length:
                    return piece
                broken = None  # an end that came too soon
            if not left:
                break
            try:
                self._raw = self._rest(self._at)
            except (BotoCoreError, ClientError) as err:
                raise broken or ProtocolError(f"{self._at} of {self._length} bytes came") from err
        raise broken or ProtocolError(f"{self._at} of {self._length} bytes came")

    def readinto(self, buffer) -> int:
        """Fill a buffer as far as one read() does."""
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def readlines(self) -> list:
        """Its lines, with their ends."""
        return self.read().splitlines(keepends=True)

    def __iter__(self):
        return iter(self.readlines())

    def tell(self) -> int:
        """How many bytes were read."""
        return self._at

    def __getattr__(self, name):
        return getattr(self._raw, name)
