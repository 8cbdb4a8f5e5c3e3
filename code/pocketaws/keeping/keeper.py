"""Everything that moto holds, on disk: what an answer acknowledged is there at the next start.

    keeper = Keeper(store, home)      # moto has again what the store holds
    with keeper.around(call):         # moto changes it; on leaving, the change is kept
        ...

One change of a thing at a time: moto's own code takes no locks, and half of a change must not be kept with
another's. Requests that only read wait for nobody.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from moto.core.common_models import BaseModel
from moto.iam.models import iam_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sts.models import sts_backends

from pocketaws import calls
from pocketaws.keeping import s3_objects
from pocketaws.keeping.files import Files
from pocketaws.keeping.logs import LogsKeeper
from pocketaws.keeping.metrics import MetricsKeeper
from pocketaws.keeping.s3_keeper import S3Keeper
from pocketaws.keeping.store import Store
from pocketaws.keeping.wholes import Whole, cipher_of

SHOW_USE = ("GetRole", "GetAccessKeyLastUsed")  # say when a key was last used: what was said is kept
READS = ("Get", "List", "Describe", "Head", "Select", "Filter", "BatchGet", "Test")
S3_LOCKS = 64  # requests for different objects seldom share one


class Keeper:
    """Keeps what moto holds in a store and in files. One for each process: moto's state is global.

    home   gets s3/ with the objects' bytes, and state/key
    """

    def __init__(self, store: Store, home: Path):
        BaseModel.__new__ = _untracked
        files = Files(home / "s3")
        s3_objects.install(files)
        cipher = cipher_of(store.folder)
        self._s3, self._logs, self._metrics = S3Keeper(store, files), LogsKeeper(store), MetricsKeeper(store)
        identity = Whole(store, "identity", {"iam": iam_backends, "sts": sts_backends},
                         leave=("aws_managed_policies",), cipher=cipher)  # fmt: skip
        secrets = Whole(store, "secrets", {"secretsmanager": secretsmanager_backends}, cipher=cipher)
        self._wholes = {"iam": identity, "sts": identity, "secretsmanager": secrets}
        self._writing = threading.Lock()
        self._s3_locks = [threading.Lock() for _ in range(S3_LOCKS)]
        self._locks = {name: threading.Lock() for name in ("identity", "logs", "cloudwatch", "others")}
        for keeper in (self._s3, self._logs, self._metrics, identity, secrets):
            keeper.restore()

    @contextmanager
    def around(self, call: calls.Call, environ: dict) -> Iterator[s3_objects.Touched]:
        """What moto changes within is kept on leaving, whether it answered or raised.

        Gives what is noted of the request: .answer is the object's content that it is answered with.

        Raises StoreClosed, OSError or sqlite3.Error where it could not be kept: acknowledge nothing then.
        """
        changing = not (call.operation or "").startswith(READS) or call.operation in SHOW_USE
        things = s3_objects.touched.things = s3_objects.Touched()
        things.streaming = call.operation == "GetObject"
        with ExitStack() as stack:
            if changing:
                stack.enter_context(self._lock_for(call, environ))
            try:
                yield things
            finally:
                s3_objects.touched.things = None
                self._keep(call, things, changing)

    def _keep(self, call: calls.Call, things: s3_objects.Touched, changing: bool) -> None:
        if not (changing or things.changed or things.streams):
            return
        with self._writing:
            self._s3.keep(things, changing)
            if call.service == "logs":
                self._logs.keep(things, structure=call.operation != "PutLogEvents")
            elif call.service == "cloudwatch":
                self._metrics.keep(structure=call.operation != "PutMetricData")
            elif call.service in self._wholes:
                self._wholes[call.service].keep()

    def _lock_for(self, call: calls.Call, environ: dict) -> threading.Lock:
        if call.service in ("iam", "sts"):
            return self._locks["identity"]
        if call.service != "s3":
            return self._locks.get(call.service, self._locks["others"])
        part = calls.query_of(environ).get("partNumber", "")
        return self._s3_locks[hash((*call.labels.values(), part)) % S3_LOCKS]


def _untracked(cls, *_, **__):
    """moto's BaseModel keeps every object it ever made in a list, for a dashboard that is not served here."""
    return object.__new__(cls)
