"""Read YAML into frozen dataclasses, and say everything that is wrong with it at once.

It works on PyYAML's nodes, not on loaded values: a node still has the text as it was written and its
line. So `2e-4` is a number here (YAML 1.1 calls it a string), `010` is refused (YAML 1.1 reads it as 8),
`1:30` is refused (YAML 1.1 reads it as 90), and a name such as `no` or `0123` stays the text it is.
"""

import dataclasses
import difflib
import math
import os
import re
import typing

import yaml

PLACES = ("local", "aws")


class ConfigError(ValueError):
    """The configuration can't be used. `problems` has one sentence for each thing that is wrong."""

    def __init__(self, problems: list):
        self.problems = list(problems)
        count = len(self.problems)
        head = f"the configuration has {'one problem' if count == 1 else f'{count} problems'}"
        super().__init__("\n".join([head + ":"] + [f"  - {p}" for p in self.problems]))


def rule(low=None, high=None, choices=None, pattern=None, says=None, joins=False):
    """A dataclass field with its limits.

    low, high  limits of a number, both included       choices  the texts it may be, in any case
    pattern    a regular expression for the whole text  says     what is accepted, in words
    joins      a YAML list is accepted too, and becomes one text with commas
    """
    limits = dict(low=low, high=high, choices=choices, pattern=pattern, says=says, joins=joins)
    return dataclasses.field(metadata=limits)


def parse_yaml(text: str, name: str):
    """Return the root node of one YAML document, or raise ConfigError with the line."""
    if not text.strip():
        raise ConfigError([f"{name} is empty. Fix: restore it, for example with `git checkout {name}`"])
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as err:
        line = (err.problem_mark or err.context_mark).line
        written = text.splitlines()[line] if line < len(text.splitlines()) else ""
        hint = "; it has a tab, YAML indents with spaces only" if "\t" in written else ""
        what = f"{err.problem or err.context}{hint}"
        raise ConfigError([f"{name} line {line + 1} is not YAML: {what}: {written.strip()!r}"]) from err
    except yaml.YAMLError as err:
        raise ConfigError([f"{name} is not YAML: {err}"]) from err
    if node is None:
        raise ConfigError([f"{name} has only comments. Fix: restore its keys"])
    return node


class Reader:
    """Turns nodes into values for one place ("local" or "aws") and collects what is wrong."""

    def __init__(self, place: str, name: str, overrides: dict):
        self.place = place
        self.name = name
        self.overrides = overrides
        self.problems = []
        self._seen = set()
        self._meant = set()  # paths that a misspelt key stood for: they are not missing as well

    def problem(self, node, path: str, message: str) -> None:
        """Note one problem; `node` None stands for a value that was given to load()."""
        where = "given to load()" if node is None else f"{self.name} line {node.start_mark.line + 1}"
        text = f"{path} ({where}): {message}"
        if text not in self._seen:
            self._seen.add(text)
            self.problems.append(text)

    def section(self, cls, node, path: str):
        """Read one mapping into `cls`, or return None and note why not."""
        node = self._pick(cls, node, path)
        prefix = f"{path}." if path else ""
        if not isinstance(node, yaml.MappingNode):
            what = "holds no keys" if _shown(node) == "''" else f"expected keys, saw {_shown(node)}"
            self.problem(node, path or "the file", f"{what}; it needs {_names(cls)}")
            return None
        hints = typing.get_type_hints(cls)
        fields = {f.name: f for f in dataclasses.fields(cls) if not f.metadata.get("derived")}
        nodes = self._keys(node, prefix, fields)
        values = {}
        for name, field in fields.items():
            full = prefix + name
            if dataclasses.is_dataclass(hints[name]):
                if name in nodes:
                    values[name] = self.section(hints[name], nodes[name], full)
                elif full not in self._meant:
                    self.problem(node, full, f"is missing; it holds {_names(hints[name])}")
            elif full in self.overrides:
                values[name] = self.given(hints[name], field, self.overrides[full], full)
            elif name in nodes:
                values[name] = self.value(hints[name], field, nodes[name], full)
            elif full not in self._meant:
                self.problem(node, full, f"is missing; it takes {_accepts(hints[name], field)}")
        return cls(**values) if len(values) == len(fields) else None

    def _keys(self, node, prefix: str, fields) -> dict:
        nodes = {}
        for key, child in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name in nodes:
                self.problem(key, prefix + name, "stands here twice. Fix: delete one")
            elif fields is None or name in fields:
                nodes[name] = child
            else:
                near = difflib.get_close_matches(str(name), fields, n=1, cutoff=0.5)
                self._meant.update(prefix + n for n in near)
                hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(fields)}"
                self.problem(key, f"{prefix}{name or _shown(key)}", f"is not a key of this file; {hint}")
        return nodes

    def _pick(self, kind, node, path: str):
        """Take this place's branch of {local: X, aws: Y}."""
        if not isinstance(node, yaml.MappingNode):
            return node
        names = [k.value for k, _ in node.value if isinstance(k, yaml.ScalarNode)]
        own = {f.name for f in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
        if not names or not set(names) & set(PLACES) or set(names) & own:
            return node
        if sorted(names) != sorted(PLACES):
            self.problem(node, path, f"expected both local and aws, saw {', '.join(names)}")
        branches = {k.value: child for k, child in node.value if isinstance(k, yaml.ScalarNode)}
        return branches.get(self.place) or next(iter(branches.values()))

    def value(self, kind, field, node, path: str):
        """Read one value. Both branches of {local: X, aws: Y} are checked, one is returned."""
        if isinstance(node, yaml.MappingNode) and self._pick(kind, node, path) is not node:
            for _, child in node.value:
                self.value(kind, field, child, path)
            node = self._pick(kind, node, path)
        if kind is dict:
            return self._mapping(field, node, path)
        try:
            return check(kind, field, _plain(node, field), path)
        except ValueError as err:
            self.problem(node, path, str(err))
            return None

    def given(self, kind, field, value, path: str):
        """Check a value that came as a Python object from the parameters cell."""
        try:
            if kind is dict and isinstance(value, dict):
                return {str(k): check(str, field, v, path) for k, v in value.items()}
            return check(kind, field, value, path)
        except ValueError as err:
            self.problem(None, path, str(err))
            return None

    def _mapping(self, field, node, path: str) -> dict:
        if not isinstance(node, yaml.MappingNode):
            self.problem(node, path, f"expected name: value pairs, saw {_shown(node)}")
            return {}
        pairs = self._keys(node, f"{path}.", None)
        return {key: self.value(str, field, child, f"{path}.{key}") for key, child in pairs.items()}


def check(kind, field, value, path: str):
    """Return `value` as `kind` (bool, int, float, str, or Optional of one), or raise ValueError."""
    seen = f"expected {_accepts(kind, field)}, saw {value!r}"
    options = [k for k in typing.get_args(kind) if k is not type(None)]
    if options:
        if value is None:
            return None
        kind = options[0]
    if value is None:
        raise ValueError(seen.replace("saw None", "saw nothing"))
    if kind is bool:
        return _boolean(value, seen)
    if kind in (int, float):
        return _number(kind, value, seen, field.metadata)
    return _text(value, seen, field.metadata)


def _boolean(value, seen: str) -> bool:
    # YAML 1.1 reads yes, no, on and off as booleans too: whoever writes them here means that.
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError(seen)


def _number(kind, value, seen: str, limits):
    if isinstance(value, bool):
        raise ValueError(seen)
    if isinstance(value, str):
        if re.fullmatch(r"[+-]?0[0-9_]+", value):
            raise ValueError(f"{seen}. A leading zero makes it octal in YAML ({value} is "
                             f"{int(value, 8) if re.fullmatch('[+-]?[0-7_]+', value) else 'not octal'}). "
                             "Fix: write it without the zero")
        if re.fullmatch(r"[+-]?[0-9]+(:[0-9]+)+", value):
            raise ValueError(f"{seen}. YAML reads {value} in base 60. Fix: write one plain number")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(seen) from None
    if not math.isfinite(number) or (kind is int and number != int(number)):
        raise ValueError(seen)
    low, high = limits["low"], limits["high"]
    if (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(seen)
    return int(number) if kind is int else number


def _text(value, seen: str, limits) -> str:
    if isinstance(value, (list, tuple)) and limits["joins"] and all(isinstance(v, str) for v in value):
        value = ",".join(value)
    if isinstance(value, bool) and limits["choices"]:
        value = str(value).lower()
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise ValueError(seen)
    if limits["choices"]:
        value = {c.lower(): c for c in limits["choices"]}.get(value.lower())
        if value is None:
            near = difflib.get_close_matches(seen.rpartition("saw ")[2].strip("'"), limits["choices"], n=1)
            raise ValueError(seen + (f". Did you mean {near[0]!r}?" if near else ""))
    if limits["pattern"] and not re.fullmatch(limits["pattern"], value):
        raise ValueError(seen)
    return value


def _plain(node, field):
    """The text of a scalar as it was written, None for null, a list of texts for a sequence."""
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, field) for child in node.value]
    if isinstance(node, yaml.MappingNode):
        return {k.value: _plain(v, field) for k, v in node.value}
    if node.style is None and node.tag == "tag:yaml.org,2002:null":
        return None
    return node.value


def _shown(node) -> str:
    return repr(node.value) if isinstance(node, yaml.ScalarNode) else f"a {node.id}"


def _names(cls) -> str:
    return ", ".join(f.name for f in dataclasses.fields(cls) if not f.metadata.get("derived"))


def _accepts(kind, field) -> str:
    """What a value may be, in words: "a number from 0 to 1"."""
    limits = field.metadata
    options = [k for k in typing.get_args(kind) if k is not type(None)]
    end = " or null" if options else ""
    kind = options[0] if options else kind
    if limits["says"]:
        return limits["says"] + end
    if limits["choices"]:
        return "one of " + ", ".join(limits["choices"]) + end
    name = {bool: "true or false", int: "a whole number", float: "a number", dict: "name: value pairs"}
    words = name.get(kind, "a text")
    low, high = limits["low"], limits["high"]
    if low is not None and high is not None:
        return f"{words} from {low} to {high}{end}"
    return f"{words}{f' of at least {low}' if low is not None else ''}{end}"
