"""S3 in the store: buckets, objects with their versions and tags, uploads in progress and their parts.

    kind          key                            value: a pickle of
    s3 bucket     <bucket>                       moto's bucket without its objects, and its tags
    s3 key        <bucket>/<key>                 the versions of one key, oldest first, and their tags
    s3 upload     <bucket>/<upload id>           moto's upload without its parts
    s3 part       <bucket>/<upload id>/<number>  one part

An entry names the files with the bytes. It is written after them, and before the client has its answer; files
of what it took the place of go after that.
"""

import logging
import zlib

from moto.s3.models import FakeBucket, MultipartDict, s3_backends
from moto.s3.utils import _VersionedKeyStore

from pocketaws.keeping import pickles
from pocketaws.keeping.files import Blob, Files
from pocketaws.keeping.s3_objects import Touched
from pocketaws.keeping.store import Store

log = logging.getLogger("pocketaws")

BUCKET, KEY, UPLOAD, PART = "s3 bucket", "s3 key", "s3 upload", "s3 part"


class S3Keeper:
    """Keeps what requests touched and brings it back. Not thread-safe: the Keeper's lock is held."""

    def __init__(self, store: Store, files: Files):
        self._store, self._files = store, files
        self._kept: dict[tuple[str, str], tuple[int, set[Blob]]] = {}  # entry → checksum, its files
        self._parts: dict[str, set[int]] = {}  # "<bucket>/<upload id>" → numbers of the parts that are kept

    def keep(self, things: Touched, changing: bool) -> None:
        """Write what a request changed; changing: what it only looked up may have changed too."""
        keys = things.keys | things.changed if changing else things.changed
        values = {(KEY, f"{bucket}/{key}"): _versions(bucket, key) for bucket, key in keys}
        if changing:
            for name in things.buckets:
                values |= self._bucket(name)
            for bucket, identity in things.uploads:
                values |= self._upload(bucket, identity)
            for bucket, identity, number in things.parts:
                values |= self._part(bucket, identity, number)
        self._write(values)

    def _bucket(self, name: str) -> dict:
        """The entry of a bucket; None for it, and for its unfinished uploads, where it was deleted."""
        state = _bucket_state(name)
        if state is not None:
            return {(BUCKET, name): state}
        uploads = [key for kind, key in self._kept if kind == UPLOAD and key.startswith(f"{name}/")]
        values: dict = {(BUCKET, name): None}
        for upload in uploads:
            values |= self._upload(*upload.split("/", 1))
        return values

    def _upload(self, bucket: str, identity: str) -> dict:
        """The entry of an upload; None for it and for its parts, where it has ended."""
        upload, name = _find_upload(bucket, identity), f"{bucket}/{identity}"
        if upload is not None:
            state = {key: value for key, value in upload.__dict__.items() if key not in ("parts", "partlist")}
            return {(UPLOAD, name): state}
        numbers = self._parts.pop(name, set())
        return {(UPLOAD, name): None} | {(PART, f"{name}/{number}"): None for number in numbers}

    def _part(self, bucket: str, identity: str, number: int) -> dict:
        upload, name = _find_upload(bucket, identity), f"{bucket}/{identity}"
        part = upload.parts.get(number) if upload is not None else None
        if part is None:
            return {}
        self._parts.setdefault(name, set()).add(number)
        return {(PART, f"{name}/{number}"): part}

    def _write(self, values: dict) -> None:
        """Put what differs from what is kept; None: delete. All of it or nothing."""
        puts, deletes, now, before = [], [], {}, set()
        for entry, value in values.items():
            checksum, blobs = self._kept.get(entry, (None, set()))
            if value is None:
                if checksum is not None:
                    deletes.append(entry)
                    before |= blobs
                continue
            used: set[Blob] = set()
            content = pickles.dumps(value, lambda thing, used=used: _name(thing, used))
            if zlib.crc32(content) != checksum:
                puts.append((*entry, content))
                now[entry] = zlib.crc32(content), used
                before |= blobs
        if not puts and not deletes:
            return
        self._store.change(puts, deletes)
        for entry in deletes:
            del self._kept[entry]
        self._kept |= now
        after = {blob for _, used in now.values() for blob in used}
        for blob in after:
            blob.kept = True
        for blob in before - after:
            blob.kept = False

    def restore(self) -> None:
        """Give moto what the store holds, and remove files that belong to nothing."""
        for name, (value, _) in self._read(BUCKET):
            _restore_bucket(name, value)
        for name, (value, blobs) in self._read(KEY):
            bucket, _, key = name.partition("/")
            if self._has_place(KEY, name, bucket, blobs):
                _backend_of(bucket).buckets[bucket].keys.setlist(key, value["versions"])
                _backend_of(bucket).tagger.tags.update(value["tags"])
        for name, (value, _) in self._read(UPLOAD):
            bucket, _, identity = name.partition("/")
            if self._has_place(UPLOAD, name, bucket, ()):
                _restore_upload(bucket, identity, value)
        for name, (part, blobs) in self._read(PART):
            upload_name, _, number = name.rpartition("/")
            upload = _find_upload(*upload_name.partition("/")[::2])
            if upload is None:
                self._store.delete(PART, name)
                self._kept.pop((PART, name))
            elif self._has_place(PART, name, upload_name.partition("/")[0], blobs):
                upload.parts[int(number)] = part
                upload.partlist = sorted(upload.parts)
                self._parts.setdefault(upload_name, set()).add(int(number))
        self._files.remove_others(blob for _, blobs in self._kept.values() for blob in blobs)

    def _read(self, kind: str):
        """(key, (value, files)) of each entry of a kind; a damaged one is set aside."""
        for key, content in self._store.items(kind):
            blobs: dict[str, Blob] = {}

            def find(name, blobs=blobs):
                return blobs.setdefault(name[0], Blob(self._files, *name, kept=True))

            try:
                value = pickles.loads(content, find)
            except pickles.DamagedError as err:
                self._store.set_aside(kind, key, str(err))
                continue
            self._kept[kind, key] = zlib.crc32(content), set(blobs.values())
            yield key, (value, blobs.values())

    def _has_place(self, kind: str, name: str, bucket: str, blobs) -> bool:
        """Whether an entry's bucket and files are there; an entry that lacks one is set aside."""
        missing = next((f"its file {blob.path} is not whole" for blob in blobs if not blob.is_whole()), None)
        if _backend_of(bucket) is None:
            missing = "its bucket is not there"
        if missing:
            self._store.set_aside(kind, name, missing)
            self._kept.pop((kind, name))
        return not missing


def _name(thing, used: set[Blob]) -> tuple | None:
    """What an entry holds in the place of a file: its name and size. The file is added to those used."""
    if not isinstance(thing, Blob):
        return None
    used.add(thing)
    return thing.name, thing.size


def _backend_of(bucket: str):
    """moto's backend that has a bucket, None for a bucket that is not there."""
    partition, account = s3_backends.bucket_accounts.get(bucket, (None, None))
    backend = s3_backends[account][partition] if account else None
    return backend if backend and bucket in backend.buckets else None


def _bucket_state(name: str) -> dict | None:
    backend = _backend_of(name)
    if backend is None:
        return None
    bucket = backend.buckets[name]
    state = {key: value for key, value in bucket.__dict__.items() if key not in ("keys", "multiparts")}
    return {"state": state, "tags": backend.tagger.tags.get(bucket.arn)}


def _restore_bucket(name: str, value: dict) -> None:
    bucket = FakeBucket.__new__(FakeBucket)
    bucket.__dict__.update(value["state"], keys=_VersionedKeyStore(), multiparts=MultipartDict())
    s3_backends.bucket_accounts[name] = bucket.partition, bucket.account_id
    backend = s3_backends[bucket.account_id][bucket.partition]
    backend.buckets[name] = bucket
    if value["tags"] is not None:
        backend.tagger.tags[bucket.arn] = value["tags"]


def _versions(bucket: str, key: str) -> dict | None:
    backend = _backend_of(bucket)
    versions = backend.buckets[bucket].keys.getlist(key) if backend else None
    if not versions:
        return None
    arns = [version.arn for version in versions if hasattr(version, "arn")]
    tags = {arn: backend.tagger.tags[arn] for arn in arns if arn in backend.tagger.tags}
    return {"versions": versions, "tags": tags}


def _find_upload(bucket: str, identity: str):
    backend = _backend_of(bucket)
    return backend.buckets[bucket].multiparts.get(identity) if backend else None


def _restore_upload(bucket: str, identity: str, state: dict) -> None:
    from moto.s3.models import FakeMultipart  # the one that install() put there

    upload = FakeMultipart.__new__(FakeMultipart)
    upload.__dict__.update(state, parts={}, partlist=[])
    _backend_of(bucket).buckets[bucket].multiparts[identity] = upload
