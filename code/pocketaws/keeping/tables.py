"""Resources of one kind by ARN, each kept in the store while it is there."""

import logging
import threading

from pocketaws.errors import AwsError
from pocketaws.keeping import json_values

log = logging.getLogger("pocketaws")


class KeptTable:
    """Resources (pocketaws.keeping.kept.Kept) by ARN. Every method may be called from any thread.

    kind    as it stands in the ARN: "endpoint-config"; its entries in the store are of this kind too
    store   None: nothing is kept
    """

    def __init__(self, kind: str, store=None):
        self.kind, self._store = kind, store
        self._by_arn: dict = {}
        self._lock = threading.Lock()

    def add(self, resource, taken: AwsError) -> None:
        """Keep a new resource. Raises `taken` when its ARN, or its name, is in use; the store's errors."""
        with self._lock:
            if self._is_taken(resource):
                raise taken
            if self._store is not None:
                resource.keep_in(self._store, self.kind)
            self._by_arn[resource.arn] = resource

    def _is_taken(self, resource) -> bool:
        """Whether there is one that this new resource cannot be beside. The lock is held."""
        return resource.arn in self._by_arn

    def discard(self, resource) -> bool:
        """Forget a resource; False when it was not, or no longer, there."""
        with self._lock:
            if self._by_arn.get(resource.arn) is not resource:
                return False
        resource.forget()  # not under the table's lock: whoever changes a resource may look into its table
        with self._lock:
            return self._by_arn.pop(resource.arn, None) is resource

    def by_arn(self, arn: str):
        """The resource with this ARN, None when there is none."""
        with self._lock:
            return self._by_arn.get(arn)

    def all(self) -> list:
        """Every resource, of any region, oldest first."""
        with self._lock:
            return list(self._by_arn.values())

    def of(self, region: str, account: str) -> list:
        """Every resource of an account in a region, oldest first."""
        return [each for each in self.all() if (each.region, each.account) == (region, account)]

    def read(self, cls, refer) -> None:
        """Fill the table with what the store has of its kind. An entry that cannot be read is set aside.

        cls     the class of the resources        refer   see json_values.read
        """
        for key, text in self._store.items(self.kind):
            try:
                resource = cls.of_record(json_values.read(text, refer))
            except json_values.Unreadable as err:
                self._store.set_aside(self.kind, key, str(err))
                continue
            resource.stay_in(self._store, self.kind)
            self._by_arn[resource.arn] = resource
