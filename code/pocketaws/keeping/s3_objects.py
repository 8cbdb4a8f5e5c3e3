"""moto's S3 (5.2.5) with the bytes of its objects in files, and a note of what each request touched.

moto keeps an object's bytes in memory up to 5 MB, in an unnamed temporary file above, and a multipart
object's twice: whole, and in its parts. Here an object is a list of files, one for each of its parts, and
completing an upload copies nothing.

moto makes its objects from moto.s3.models.FakeKey and FakeMultipart; install() puts those of this module in
their place, and KeptS3 in the place of the backend that answers.
"""

import base64
import os
import threading

import moto.s3.models as models
from moto.s3.exceptions import EntityTooSmall, InvalidContinuationToken, InvalidPart, MalformedXML
from moto.s3.utils import compute_checksum
from moto.utilities.utils import md5_hash

from pocketaws.keeping.files import Blob, Files

PIECE = 256 * 1024  # bytes that are read at once where an answer goes out piece by piece
touched = threading.local()  # .things: a Touched while a request is answered
_place: dict[str, Files] = {}  # "files": where new objects go


class Touched:
    """Names of what moto looked up (it may have changed it) and of what it certainly changed."""

    def __init__(self):
        self.buckets: set[str] = set()
        self.keys: set[tuple[str, str]] = set()
        self.uploads: set[tuple[str, str]] = set()
        self.parts: set[tuple[str, str, int]] = set()
        self.changed: set[tuple[str, str]] = set()
        self.streams: list = []
        self.streaming = False  # the request gets an object, which is sent from its files
        self.answer: Reader | None = None  # what of it moto answered


class Content(list):
    """The files that make up one object, in order: what goes from a finished upload to its object."""

    def read(self) -> bytes:
        return self[0].read() if len(self) == 1 else b"".join(blob.read() for blob in self)


class Reader:
    """Some of an object's bytes, as a file that can be read, and as a sequence that moto takes a range of."""

    def __init__(self, blobs: list[Blob], start: int, stop: int):
        self._blobs, self._start, self._stop, self._at = blobs, start, stop, 0
        self._open: tuple[Blob | None, object] = None, None

    def __len__(self) -> int:
        return self._stop - self._start

    def __getitem__(self, wanted: slice) -> "Reader":
        start, stop, _ = wanted.indices(len(self))
        noted().answer = Reader(self._blobs, self._start + start, self._start + max(start, stop))
        return noted().answer

    def __iter__(self):
        while piece := self.read(PIECE):
            yield piece

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most size, from one file at a time; none at the end."""
        position, left = self._start + self._at, len(self) - self._at
        wanted = left if size < 0 else min(size, left)
        pieces = []
        for blob in self._blobs:
            if wanted <= 0:
                break
            if position < blob.size:
                pieces.append(self._read_of(blob, position, min(wanted, blob.size - position)))
                wanted -= len(pieces[-1])
                position = 0
            else:
                position -= blob.size
        content = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._at += len(content)
        return content

    def _read_of(self, blob: Blob, position: int, size: int) -> bytes:
        if self._open[0] is not blob:
            self.close()
            self._open = blob, open(blob.path, "rb", buffering=0)
        content = os.pread(self._open[1].fileno(), size, position)
        if len(content) != size:
            raise OSError(f"{blob.path} was cut short while it was sent")
        return content

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self)}[whence]
        return self._at

    def close(self) -> None:
        """Let go of the file."""
        if self._open[1] is not None:
            self._open[1].close()
        self._open = None, None


class KeptKey(models.FakeKey):
    """moto's object or part; .blobs are its files."""

    def __new__(cls, *_, **__):
        return object.__new__(cls)

    def __init__(self, name, value, *args, **named):
        self.blobs = Content()
        super().__init__(name, value, *args, **named)
        self._value_buffer.close()
        self._value_buffer = None
        if not isinstance(value, Content):  # a copy is no multipart object, whatever its source was
            self.multipart = None

    @property
    def value(self):
        """The object's bytes; for a request that is answered with them a Reader."""
        things = noted()
        if not things.streaming:
            return self.blobs.read()
        missing = [blob.name for blob in self.blobs if not blob.is_whole()]
        if missing:
            raise FileNotFoundError(f"the files {missing} of the object {self.name} are not whole")
        things.answer = Reader(self.blobs, 0, self.contentsize)
        return things.answer

    @value.setter
    def value(self, new_value) -> None:
        if isinstance(new_value, Content):
            self.blobs = new_value
        else:
            content = new_value.encode() if isinstance(new_value, str) else bytes(new_value)
            if self._etag is None:
                digest = md5_hash()
                digest.update(content)
                self._etag = digest.hexdigest()
            self.blobs = Content([_place["files"].write(content)])
        self.contentsize = sum(blob.size for blob in self.blobs)

    @property
    def etag(self) -> str:
        return f'"{self._etag}"'

    def __getstate__(self) -> dict:
        return {name: value for name, value in self.__dict__.items() if name != "lock"}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self.lock = threading.Lock()

    def dispose(self, garbage: bool = False) -> None:
        """Nothing to let go of: a file is removed when its blob is forgotten."""

    def __del__(self):
        pass


class KeptMultipart(models.FakeMultipart):
    """moto's upload, whose parts become the object as they are."""

    def __new__(cls, *_, **__):
        return object.__new__(cls)

    def complete(self, body):
        """(content, ETag, checksum) as moto's own, which joins the parts in memory."""
        parts: dict[int, KeptKey] = {}
        checksum = models.MultipartChecksumBuilder(
            self.metadata.get("x-amz-checksum-algorithm"), self.metadata.get("x-amz-checksum-type")
        )
        last, digest = None, md5_hash()
        for number, etag in body:
            part = self.parts.get(number)
            if part is None or part.etag.strip('"') != etag.replace('"', ""):
                raise InvalidPart()
            if last is not None and last.contentsize < models.S3_UPLOAD_PART_MIN_SIZE:
                raise EntityTooSmall()
            digest.update(bytes.fromhex(part.etag.strip('"')))
            checksum.addPart(part.value)
            parts[number] = last = part
        if not parts:
            raise MalformedXML()
        self.parts, self.partlist = parts, sorted(parts)
        content = Content(blob for part in parts.values() for blob in part.blobs)
        return content, f"{digest.hexdigest()}-{len(parts)}", checksum.build()


class KeptS3(models.S3Backend):
    """moto's S3, which notes what a request is about."""

    def get_bucket(self, bucket_name):
        noted().buckets.add(bucket_name)
        return super().get_bucket(bucket_name)

    def create_bucket(self, bucket_name, *args, **named):
        noted().buckets.add(bucket_name)
        return super().create_bucket(bucket_name, *args, **named)

    def get_object(self, bucket_name, key_name, *args, **named):
        noted().keys.add((bucket_name, key_name))
        return super().get_object(bucket_name, key_name, *args, **named)

    def list_objects_v2(self, bucket, prefix, delimiter, continuation_token, start_after, max_keys):
        """As moto's, with tokens that say where to go on: one from before a restart still does."""
        if continuation_token:
            try:
                start_after = base64.urlsafe_b64decode(continuation_token).decode()
            except ValueError as err:
                raise InvalidContinuationToken() from err
        keys, more, token = super().list_objects_v2(bucket, prefix, delimiter, None, start_after, max_keys)
        if token:
            token = base64.urlsafe_b64encode(self._pagination_tokens.pop(token).encode()).decode()
        return keys, more, token

    def put_object(self, bucket_name, key_name, *args, **named):
        noted().changed.add((bucket_name, key_name))
        return super().put_object(bucket_name, key_name, *args, **named)

    def copy_object(self, src_key, dest_bucket_name, dest_key_name, *args, **named):
        super().copy_object(src_key, dest_bucket_name, dest_key_name, *args, **named)
        copied = self.get_object(dest_bucket_name, dest_key_name)
        if src_key.checksum_type == "COMPOSITE":  # moto gives the copy the checksum of its source's parts
            value = compute_checksum(copied.value, copied.checksum_algorithm)
            copied.checksum_value, copied.checksum_type = value.decode(), "FULL_OBJECT"

    def delete_object(self, bucket_name, key_name, *args, **named):
        noted().changed.add((bucket_name, key_name))
        return super().delete_object(bucket_name, key_name, *args, **named)

    def create_multipart_upload(self, bucket_name, *args, **named):
        upload = super().create_multipart_upload(bucket_name, *args, **named)
        noted().uploads.add((bucket_name, upload.id))
        return upload

    def complete_multipart_upload(self, bucket_name, multipart_id, *args, **named):
        noted().uploads.add((bucket_name, multipart_id))
        return super().complete_multipart_upload(bucket_name, multipart_id, *args, **named)

    def abort_multipart_upload(self, bucket_name, multipart_id):
        noted().uploads.add((bucket_name, multipart_id))
        return super().abort_multipart_upload(bucket_name, multipart_id)

    def upload_part(self, bucket_name, multipart_id, part_id, *args, **named):
        noted().parts.add((bucket_name, multipart_id, part_id))
        return super().upload_part(bucket_name, multipart_id, part_id, *args, **named)

    def upload_part_copy(self, dest_bucket_name, multipart_id, part_id, *args, **named):
        noted().parts.add((dest_bucket_name, multipart_id, part_id))
        return super().upload_part_copy(dest_bucket_name, multipart_id, part_id, *args, **named)


def noted() -> Touched:
    """What this thread's request touched so far; a throw-away outside of a request."""
    return getattr(touched, "things", None) or Touched()


def install(files: Files) -> None:
    """Have moto make its objects from here on in these files."""
    _place["files"] = files
    models.FakeKey, models.FakeMultipart = KeptKey, KeptMultipart
    models.s3_backends.backend = KeptS3
    for _, _, backend in models.s3_backends.iter_backends():
        backend.__class__ = KeptS3
