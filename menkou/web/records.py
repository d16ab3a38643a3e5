"""Records as JSON values: dataclasses to objects, times to ISO 8601. Used by both sides' JSON."""

import dataclasses
from collections.abc import Mapping
from datetime import date
from typing import Any


def as_json(value: Any) -> Any:
    """Return a record, or anything inside one, as what `json.dumps` takes.

    Raises:
        TypeError: a type that has no agreed form in JSON.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: as_json(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [as_json(item) for item in value]
    raise TypeError(f"expected a record, number, text or time, got {type(value).__name__}")
