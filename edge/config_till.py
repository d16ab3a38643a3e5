"""The section of edge.toml for tills: `[till]`. Joined by `config`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic.dataclasses import dataclass

from edge.config_values import own
from menkou.settings import STRICT


def _currency(value: Any) -> str:
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper():
        return value
    raise ValueError(f'expected a currency such as "CNY" (ISO 4217), got {value!r}')


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TillSection:
    """How tills send receipts, beside signing them: by certificates, or as files.

    `ca`: whoever shows a certificate of these authorities at `[console] listen` may send receipts.
    `drop_dir`: a folder that is looked into for CSV files. `currency`: of files that name none.
    """

    ca: Path | None = None
    drop_dir: Path | None = None
    currency: Annotated[str, own(_currency)] = "CNY"

    @property
    def files(self) -> Mapping[str, Path | None]:
        """The certificates' file by setting."""
        return {"ca": self.ca}
