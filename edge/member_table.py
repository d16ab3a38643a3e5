"""Which columns a CSV file of members has. Called by `member_commands`; calls `menkou.table`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.core.flaws import Flaws
from edge.core.profile import FIELDS, plain_id, read_profile
from menkou import table


def read_members(path: Path) -> list[Mapping[str, str]]:
    """Return the rows of a table as profile texts by field; each of them is a sound profile.

    Raises:
        menkou.table.TableFault: the file cannot be read, or anything in it is wrong; no cell is
            repeated.
    """
    columns = table.Columns(
        known=FIELDS, needed=("name",), key="external_id", plain=plain_id, check=_checked
    )
    return [row.cells for row in table.read_table(path, columns)]


def _checked(cells: Mapping[str, str]) -> tuple[Mapping[str, str], Sequence[str]]:
    try:
        read_profile(cells)
    except Flaws as exc:
        return cells, [str(flaw) for flaw in exc.flaws]
    return cells, ()
