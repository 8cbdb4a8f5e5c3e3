"""Services of moto that are small enough to be kept in one piece: IAM with STS, secrets, log groups, alarms.

A change writes the whole service again: a few kilobytes, in which everything still is the one object that it
is for moto (a group's members are its users). AWS's own policies and moto's backends are named, not copied.

What is secret (access keys, session tokens, secrets) is encrypted, as it is at AWS; the key is a file in the
home that its owner alone can read, so a copy of the database gives nothing away.
"""

import contextlib
import logging
import os
import zlib
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from moto.core.base_backend import BackendDict, BaseBackend
from moto.iam.models import AWSManagedPolicy, iam_backends

from pocketaws.keeping import pickles
from pocketaws.keeping.store import Store

log = logging.getLogger("pocketaws")

KIND = "service"


class Whole:
    """Some services of moto, kept as one entry.

    key       of the entry, such as "identity"
    backends  {name: moto's backends}
    leave     attributes that are kept elsewhere, or need not be
    cipher    encrypts the entry, where it holds secrets
    """

    def __init__(
        self,
        store: Store,
        key: str,
        backends: dict[str, BackendDict],
        leave: tuple = (),
        cipher: Fernet | None = None,
    ):
        self._store, self._key, self._backends, self._leave = store, key, backends, leave
        self._cipher, self._checksum = cipher, None

    def content(self) -> bytes | None:
        """The entry as it should be now; None where the one that is kept is the same."""
        state = {
            (service, account, region): self._state(backend)
            for service, backends in self._backends.items()
            for account, region, backend in list(backends.iter_backends())
        }
        attached = _attached() if "iam" in self._backends else {}
        content = pickles.dumps({"state": state, "attached": attached}, self.name_of)
        if zlib.crc32(content) == self._checksum:
            return None
        self._checksum = zlib.crc32(content)
        return self._cipher.encrypt(content) if self._cipher else content

    def keep(self) -> None:
        """Write the entry if it changed."""
        if (content := self.content()) is not None:
            with self.kept_or_not():
                self._store.put(KIND, self._key, content)

    @contextlib.contextmanager
    def kept_or_not(self):
        """Around the writing of content(): where it fails, the next one is written whatever it is."""
        try:
            yield
        except BaseException:
            self._checksum = None
            raise

    def restore(self) -> None:
        """Give moto what the store holds; an entry that is damaged is set aside."""
        content = dict(self._store.items(KIND)).get(self._key)
        if content is None:
            return
        try:
            plain = self._cipher.decrypt(content) if self._cipher else content
            value = pickles.loads(plain, self.find)
        except (pickles.DamagedError, InvalidToken) as err:
            self._store.set_aside(KIND, self._key, str(err) or "the home's key is not the one it needs")
            return
        for (service, account, region), state in value["state"].items():
            backend = self._backends[service][account][region]
            backend.__dict__.update(self.mended(backend, state))
        for (account, arn), count in value["attached"].items():
            if policy := _aws_policies(account).get(arn):
                policy.attachment_count = count
        self._checksum = zlib.crc32(plain)

    def _state(self, backend: BaseBackend) -> dict:
        return {name: value for name, value in backend.__dict__.items() if name not in self._leave}

    def mended(self, backend, state: dict) -> dict:
        """The state to give a backend: as it was kept, with all of AWS's own policies that there are now."""
        if "managed_policies" not in state:
            return state
        return {**state, "managed_policies": _aws_policies(backend.account_id) | state["managed_policies"]}

    def name_of(self, thing) -> tuple | None:
        """The name that stands in the entry for AWS's own policies and moto's backends; None for the rest."""
        if isinstance(thing, AWSManagedPolicy):
            return "policy", thing.account_id, thing.arn
        if isinstance(thing, BaseBackend):
            for service, backends in self._backends.items():
                if isinstance(thing, backends.backend):
                    return "backend", service, thing.account_id, thing.region_name
        return None

    def find(self, name: tuple):
        """What such a name stands for. Raises DamagedError where it is not there."""
        if name[0] == "backend":
            return self._backends[name[1]][name[2]][name[3]]
        policies = _aws_policies(name[1])
        if name[0] != "policy" or name[2] not in policies:
            raise pickles.DamagedError(f"it names {name}, which is not there")
        return policies[name[2]]


def cipher_of(folder: Path) -> Fernet:
    """The home's cipher; its key is made where it is missing, or is no key. Raises OSError."""
    path = folder / "key"
    try:
        return Fernet(path.read_bytes())
    except FileNotFoundError:
        pass
    except ValueError:
        log.warning("%s is no key: what was encrypted with it is set aside", path)
    draft = folder / "key.new"
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(Fernet.generate_key())
    draft.replace(path)
    return Fernet(path.read_bytes())


def _aws_policies(account: str) -> dict:
    policies = iam_backends[account]["aws"].managed_policies
    return {arn: policy for arn, policy in policies.items() if isinstance(policy, AWSManagedPolicy)}


def _attached() -> dict:
    """{(account, ARN): to how many AWS's own policies are attached}."""
    return {
        (account, arn): policy.attachment_count
        for account in list(iam_backends)
        for arn, policy in _aws_policies(account).items()
        if policy.attachment_count
    }
