"""Data files as values: read, merged key by key, to check a merged text against.

A text that was merged by lines is sound where it can be read and holds the value
that a merge of the values gives; comments and layout stay as the text has them.
A parser is loaded when a file of its format is in conflict. YAML is read where
PyYAML is installed, as plain nodes: no tag makes an object.
"""

from __future__ import annotations

from guild_plugins.merge.kinds import INI, JSON, NOTEBOOK, TOML, YAML

FORMATS = (JSON, NOTEBOOK, TOML, INI, YAML)

Value = object


class NotReadable(ValueError):
    """A text is not of its format, or there is no parser for it."""


class Differs(ValueError):
    """Both sides changed a value, each to another."""


class _Joined(list[Value]):
    """A list that both sides changed: what is in it is known, and not in which order."""


class _Missing:
    """What stands for a key that is not there."""


_MISSING = _Missing()


def read_value(kind: str, text: bytes) -> Value:
    """Return what a text holds: dictionaries, lists and plain values.

    :raises NotReadable: It is not of the format, or a key is there twice.
    """
    try:
        return _READERS[kind](text.decode("utf-8-sig"))
    except NotReadable:
        raise
    except Exception as error:  # parsers raise whatever they like
        raise NotReadable(str(error)) from error


def merge_values(base: Value, ours: Value, theirs: Value) -> Value:
    """Merge three values; lists of plain values as ordered sets.

    :raises Differs: Both sides changed one value differently.
    """
    if ours == theirs or base == theirs:
        return ours
    if base == ours:
        return theirs
    if isinstance(ours, dict) and isinstance(theirs, dict):
        before = base if isinstance(base, dict) else {}
        keys = [*ours, *(key for key in theirs if key not in ours)]
        merged = {
            key: merge_values(*(side.get(key, _MISSING) for side in (before, ours, theirs)))
            for key in keys
        }
        return {key: value for key, value in merged.items() if value is not _MISSING}
    if isinstance(ours, list) and isinstance(theirs, list):
        return _merge_lists(base if isinstance(base, list) else [], ours, theirs)
    raise Differs


def _merge_lists(base: list[Value], ours: list[Value], theirs: list[Value]) -> list[Value]:
    for side in (base, ours, theirs):
        if any(isinstance(item, dict | list) or side.count(item) > 1 for item in side):
            raise Differs
    kept = [item for item in ours if item in theirs or item not in base]
    return _Joined(kept + [item for item in theirs if item not in ours and item not in base])


def holds(found: Value, wanted: Value) -> bool:
    """Return whether a value is the merged one; the order of joined lists is the text's matter."""
    if isinstance(wanted, _Joined) and isinstance(found, list):
        return len(found) == len(wanted) and all(item in found for item in wanted)
    if isinstance(wanted, dict) and isinstance(found, dict):
        return found.keys() == wanted.keys() and all(
            holds(found[key], value) for key, value in wanted.items()
        )
    return found == wanted


def _json(text: str) -> Value:
    import json

    return json.loads(text, object_pairs_hook=_unique)


def _toml(text: str) -> Value:
    import tomllib

    return tomllib.loads(text)


def _ini(text: str) -> Value:
    import configparser

    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {section: dict(parser[section]) for section in parser}


def _yaml(text: str) -> Value:
    import yaml

    return [_node(node) for node in yaml.compose_all(text, Loader=yaml.SafeLoader)]


def _node(node: object) -> Value:
    value, tag = getattr(node, "value", None), getattr(node, "tag", "")
    if not isinstance(value, list):
        return f"{tag} {value}"
    if value and not isinstance(value[0], tuple):
        return [_node(item) for item in value]
    return _unique([(str(_node(key)), _node(item)) for key, item in value])


def _unique(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotReadable("a key is there twice")
    return found


_READERS = {JSON: _json, NOTEBOOK: _json, TOML: _toml, INI: _ini, YAML: _yaml}
