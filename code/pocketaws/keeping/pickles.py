"""moto's objects as bytes, and back: pickles in which files and AWS's own policies are named, not copied.

Only what this home's own store holds is ever read, and of it only classes of moto, of this package and of
the few standard modules that they are made of.
"""

import io
import pickle
import threading
from collections.abc import Callable

MODULES = ("moto.", "pocketaws.keeping.", "datetime", "collections", "copyreg", "_codecs", "re")
BUILTINS = ("set", "frozenset", "bytearray", "complex", "range", "slice", "object", "dict", "list", "str")

_reading = threading.local()  # .find: what this thread's loads() finds things by


class DamagedError(Exception):
    """An entry of the store that cannot be read."""


def dumps(value, name_of: Callable[[object], tuple | None]) -> bytes:
    """Pickle a value. Objects for which name_of gives a name are not in it, the name is.

    name_of is asked about objects, not about texts, numbers, lists and the like.
    """
    buffer = io.BytesIO()
    _Pickler(buffer, name_of).dump(value)
    return buffer.getvalue()


def loads(content: bytes, find: Callable[[tuple], object]):
    """The value of such bytes, with find(name) in the place of each name.

    Raises DamagedError for anything that cannot be read whole.
    """
    _reading.find = find
    try:
        return _Unpickler(io.BytesIO(content)).load()
    except DamagedError:
        raise
    except Exception as err:  # pickle raises nearly anything for bytes that are not its own
        raise DamagedError(f"{type(err).__name__}: {err}") from err


def named(*name):
    """What a name stands for, while a pickle is read."""
    return _reading.find(name)


class _Pickler(pickle.Pickler):
    def __init__(self, file, name_of):
        super().__init__(file, protocol=5)
        self._name_of = name_of

    def reducer_override(self, thing):
        name = self._name_of(thing)
        return NotImplemented if name is None else (named, name)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str):
        allowed = module.startswith(MODULES) or (module == "builtins" and name in BUILTINS)
        if not allowed:
            raise DamagedError(f"it names {module}.{name}, which nothing of moto's is made of")
        return super().find_class(module, name)
