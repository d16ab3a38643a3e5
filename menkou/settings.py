"""TOML settings into frozen records, with every fault reported at once and by line.

Used by `edge.config` and `cloud.config`, which declare the records; knows neither. Parsing is
`tomllib`'s and checking is pydantic's; what is added here is where in the file a value stands.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

T = TypeVar("T")

STRICT: Final = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
"""For every settings record: an unknown key is a fault, never ignored."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\"' -]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]+\")(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=")
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of a settings file. `line` is 1-based; 0 where no line can be named."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


class SettingsFault(Exception):
    """The settings cannot be used; `faults` says all that is wrong with them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def locate_keys(text: str) -> dict[tuple[str | int, ...], int]:
    """Return the 1-based line of each table and key of a TOML text.

    Args:
        text: a text that `tomllib` accepts.

    Returns:
        Paths such as `("camera", 0, "fps")` with their lines. Keys of inline tables are not
        listed; the key that holds them is.
    """
    found: dict[tuple[str | int, ...], int] = {}
    table: tuple[str | int, ...] = ()
    counts: dict[str, int] = {}
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if depth <= 0:
            depth = 0
            if header := _HEADER.match(line):
                name = header[2].strip()
                table = tuple(part.strip(" \"'") for part in name.split("."))
                if header[1] == "[[":
                    table = (*table, counts.get(name, 0))
                    counts[name] = counts.get(name, 0) + 1
                found.setdefault(table, number)
                continue
            if key := _KEY.match(line):
                parts = [part.strip(" \"'") for part in key[1].split(".")]
                for end in range(1, len(parts) + 1):
                    found.setdefault((*table, *parts[:end]), number)
        # An array may go on over several lines; brackets in strings and comments are not ours.
        bare = re.sub(r"\"(\\.|[^\"\\])*\"|'[^']*'|#.*", "", line)
        depth += bare.count("[") - bare.count("]")
    return found


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"  # a secret may stand in it
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _fields_at(record: Any, path: Sequence[str | int]) -> list[str]:
    """Return the names of the keys that the settings know at a place."""
    schema = TypeAdapter(record).json_schema()
    node: Mapping[str, Any] = schema
    for part in path:
        node = _follow(schema, node)
        node = node.get("items", {}) if isinstance(part, int) else node["properties"].get(part, {})
    return list(_follow(schema, node).get("properties", {}))


def _follow(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    for option in node.get("anyOf", ()):
        if "$ref" in option:
            node = option
    if "$ref" in node:
        resolved: Mapping[str, Any] = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return resolved
    return node


_PLAIN_WORDS: Final = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list [...]",
    "tuple_type": "a list [...]",
    "dict_type": "a table",
    "dataclass_type": "a table",
    "date_type": "a date such as 2026-11-01",
    "literal_error": "{expected}",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
}


def _wording(error: Mapping[str, Any], record: Any) -> str:
    path = error["loc"]
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return "unknown key" + _nearest(str(path[-1]), _fields_at(record, path[:-1]))
    if error["type"] in ("missing", "missing_argument"):
        return "expected a value, got none"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] in ("list_type", "tuple_type") and isinstance(error["input"], dict):
        name = path[-1]
        return f"expected a list of tables, [[{name}]] in double brackets, got one table"
    plain = _PLAIN_WORDS.get(error["type"])
    expected = plain.format(**error.get("ctx", {})) if plain else error["msg"]
    return f"expected {expected}, got {_shown(error['input'])}"


def _line_of(path: Sequence[str | int], lines: Mapping[tuple[str | int, ...], int]) -> int:
    for end in range(len(path), 0, -1):
        if line := lines.get(tuple(path[:end])):
            return line
    return 0


def _key_name(path: Sequence[str | int]) -> str:
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in path
    ).removeprefix(".")


def fault_at(
    file: str, path: Sequence[str | int], text: str, lines: Mapping[tuple[str | int, ...], int]
) -> Fault:
    """Return a fault of a key, with the line of the key or else of what holds it."""
    return Fault(file=file, line=_line_of(path, lines), key=_key_name(path), text=text)


def faults_of(
    error: ValidationError, record: Any, file: str, lines: Mapping[tuple[str | int, ...], int]
) -> list[Fault]:
    """Translate pydantic's faults into ours, sorted by line."""
    faults = [
        fault_at(file, found["loc"], _wording(found, record), lines) for found in error.errors()
    ]
    return sorted(faults, key=lambda fault: (fault.line, fault.key))


def read_toml(path: Path) -> tuple[dict[str, Any], dict[tuple[str | int, ...], int]]:
    """Read a TOML file: its content, and the line of each key.

    Raises:
        SettingsFault: the file cannot be read, is not UTF-8 or is not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), locate_keys(text)
    except tomllib.TOMLDecodeError as exc:
        at = re.search(r"at line (\d+)", str(exc))
        line = int(at[1]) if at else 0
        raise SettingsFault([_file_fault(path, line, f"not valid TOML: {exc}")]) from None
    except UnicodeDecodeError as exc:
        raise SettingsFault([_file_fault(path, 0, f"expected UTF-8 text: {exc}")]) from None
    except OSError as exc:
        text = f"cannot be read: {exc.strerror}; expected the settings at {path}"
        raise SettingsFault([_file_fault(path, 0, text)]) from None


def _file_fault(path: Path, line: int, text: str) -> Fault:
    return Fault(file=path.name, line=line, key="", text=text)


def build(
    record: type[T], raw: Mapping[str, Any], file: str, lines: Mapping[tuple[str | int, ...], int]
) -> T:
    """Check raw settings against a record type.

    Args:
        record: a pydantic dataclass with `STRICT`.
        raw: what the file holds.
        file: its name, for messages.
        lines: the lines that `read_toml` returned.

    Raises:
        SettingsFault: with every fault.
    """
    try:
        return TypeAdapter(record).validate_python(raw)
    except ValidationError as exc:
        raise SettingsFault(faults_of(exc, record, file, lines)) from None


def read_secret(reference: str, base: Path) -> str:
    """Return the secret behind a `file:` reference, without surrounding white space.

    Args:
        reference: `file:/etc/menkou/x.key`; a relative path is taken from `base`.
        base: the directory of the settings file.

    Raises:
        ValueError: no `file:` reference, unreadable, or empty. Never shows the secret.
    """
    if not reference.startswith("file:"):
        raise ValueError("expected a file: reference, got the secret itself; move it to a file")
    path = base / reference.removeprefix("file:")
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ValueError(
            f"secret file {path}: cannot be read: {exc.strerror}; make it, readable for this user"
            " and nobody else"
        ) from None
    except UnicodeDecodeError:
        raise ValueError(f"secret file {path}: expected UTF-8 text, got something else") from None
    if not secret:
        raise ValueError(f"secret file {path}: expected a secret, got an empty file")
    return secret
