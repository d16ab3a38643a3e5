"""The tables of consultants as files: the very rows that are drawn. Pure. Called by the package."""

from cloud.pages.consultants.board import KEYS, WORDS, Board, Figures
from cloud.pages.export import Cell, Column

Sheet = tuple[tuple[Column, ...], list[tuple[Cell, ...]]]
_COUNTS = ("greeted", "follow_ups")


def _figures() -> tuple[Column, ...]:
    return tuple(
        Column(
            key=key,
            title=f"metric.{key}",
            kind="count" if key in _COUNTS else "share",
            people=True,
        )
        for key in KEYS
    )


def _cells(figures: Figures) -> tuple[Cell, ...]:
    return tuple(figures[key] for key in KEYS)


def shops_sheet(board: Board, *, single: bool) -> Sheet:
    """Return the shops; `single`: with how many colleagues of each are what."""
    words = WORDS if single else ()
    columns = (
        Column(key="shop"),
        Column(key="name", title="of_shop.which"),
        *_figures(),
        *(Column(key=f"colleagues_{word}", kind="count") for word in words),
    )
    return columns, [
        (
            *(line.store_id, line.name),
            *_cells(line.figures),
            *((line.words or {}).get(word, 0) for word in words),
        )
        for line in board.lines
    ]


def colleagues_sheet(board: Board) -> Sheet:
    """Return a shop's colleagues by their codes."""
    numbers = ("expected", "ratio", "low", "high")
    columns = (
        Column(key="code", title="consultants.code"),
        *_figures(),
        Column(key="sales", kind="count", people=True),
        *(Column(key=name, kind="number") for name in numbers),
        Column(key="word"),
    )
    return columns, [
        (
            one.code,
            *_cells(one.figures),
            one.sales,
            *(getattr(one.fair, name) if one.fair else None for name in numbers),
            one.word,
        )
        for one in board.colleagues
    ]
