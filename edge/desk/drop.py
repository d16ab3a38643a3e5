"""A folder that a till, or somebody with a USB stick, puts CSV files of receipts into.

A thread of the front process looks every few seconds. What has not grown since the last look is
read: sound receipts are kept, then the file goes to `done/`. Where rows are broken, their lines and
what is wrong stand in `NAME.problems.csv` beside it. A file of which nothing can be read stays,
with such a report, until it is written anew. Receipts are known by their numbers, so whatever a
crash or a second copy brings again is kept once.
"""

import csv
import io
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Final

from edge.core.receipt import Line, Receipt
from edge.core.receipt_table import (
    NAMES,
    NEEDED,
    BadCell,
    buyer_of,
    kind_of,
    minor_units,
    moment,
    whole,
)
from edge.core.receipts import queue_number
from edge.core.wording import one_line
from edge.desk.tables import Columns, Fault, Row, TableUnreadable, read_table
from edge.desk.till import BATCH, TillBusy, TillDesk
from edge.store.database import StoreAway
from edge.store.receipts import Answer, KeysMissing, receipt_flaw

log = logging.getLogger(__name__)

LOOK_S: Final = 5.0
DONE: Final = "done"
PROBLEMS: Final = ".problems.csv"
BYTES_MAX: Final = 32 * 1024 * 1024
KEPT: Final = timedelta(days=7)
"""How long taken files lie in `done/`: they hold what members bought, in clear."""
_COLUMNS: Final = Columns(names=NAMES, needed=NEEDED)
_EMPTY: Final = dict.fromkeys(NAMES, "")
_FILES_MAX: Final = 1000
_WORDS: Final = {
    "quotes": "引号不成对 / quotes that do not close",
    "cells": "列数与表头不同 / not as many cells as the header",
    "number": "小票号不对 / no receipt number",
    "at": "时间不对，应如 2026-11-22 15:04 / no time such as 2026-11-22 15:04",
    "value": "这一格不对 / this cell cannot be read",
    "differs": "同一小票的各行不一致 / the rows of this number do not agree",
    "conflict": "该小票号已有其他内容 / this number is held with another content",
    "future": "时间还没到 / the time has not come",
    "too_old": "超过 90 天 / older than 90 days",
    "other_shop": "不是本店的小票 / of another shop",
    "not_text": "不是 UTF-8 或 GBK 的 CSV / no CSV in UTF-8 or GBK",
    "header": "缺少这些列 / these columns are missing",
    "empty": "没有数据 / no rows",
    "too_large": "文件太大 / larger than 32 MB",
}


class DropFolder:
    """Takes receipts from a folder.

    Args:
        folder: it; `done` is made in it.
        desk: takes them.
        currency: of rows that name none.
    """

    def __init__(self, folder: Path, desk: TillDesk, *, currency: str) -> None:
        self._folder = folder
        self._desk = desk
        self._currency = currency
        self._sizes: dict[str, tuple[int, int]] = {}
        self._told: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Look into the folder until `stop` is set."""
        while not stop.wait(LOOK_S):
            self.look(stop)

    def look(self, stop: threading.Event | None = None) -> int:
        """Take the files that are complete; return how many were."""
        try:
            found = self._complete()
            self._tidy()
            taken = 0
            for path in found:
                if stop is not None and stop.is_set():
                    break
                taken += self._take(path)
        except OSError as exc:
            self._say(f"{self._folder}: cannot be used: {exc.strerror}; see to [till] drop_dir")
            return 0
        except (StoreAway, KeysMissing, TillBusy) as exc:
            self._say(f"{self._folder}: files have to wait: {exc or 'busy'}")
            return 0
        self._told = None
        return taken

    def _say(self, text: str) -> None:
        if text != self._told:  # once, not at every look
            self._told = text
            log.warning("%s", text)

    def _complete(self) -> list[Path]:
        """Return the files that are as they were at the last look, the oldest first."""
        before, self._sizes, found = self._sizes, {}, []
        for path in sorted(self._folder.iterdir())[:_FILES_MAX]:
            name = path.name.casefold()
            if not name.endswith(".csv") or name.endswith(PROBLEMS) or name.startswith("."):
                continue
            if path.is_symlink() or not path.is_file():
                continue  # nothing from beyond the folder is read
            stat = path.stat()
            self._sizes[path.name] = stat.st_size, stat.st_mtime_ns
            report = self._report(path)
            reported = report.exists() and report.stat().st_mtime_ns >= stat.st_mtime_ns
            if before.get(path.name) == self._sizes[path.name] and not reported:
                found.append((stat.st_mtime_ns, path))
        return [path for _, path in sorted(found)]

    def _report(self, path: Path) -> Path:
        return path.with_name(path.name[: -len(".csv")] + PROBLEMS)

    def _take(self, path: Path) -> bool:
        if path.stat().st_size > BYTES_MAX:
            self._write_report(path, [Fault(line=0, code="too_large")])
            return False
        try:
            table = read_table(path.read_bytes(), _COLUMNS)
        except TableUnreadable as exc:
            told = " ".join(exc.columns)
            self._write_report(path, [Fault(line=0, code=exc.code, column=told)])
            return False
        faults = list(table.faults)
        rows = [replace(row, cells={**_EMPTY, **row.cells}) for row in table.rows]
        read = list(self._receipts(rows, faults))
        for start in range(0, len(read), BATCH):
            some = read[start : start + BATCH]
            answers = self._desk.take([receipt for _, receipt in some])
            faults += _refused(answers, [line for line, _ in some])
        if faults:
            self._write_report(path, sorted(faults, key=lambda fault: fault.line))
        self._put_away(path)
        log.info("%s: %d receipts, %d broken rows", path.name, len(read), len(faults))
        return True

    def _receipts(self, rows: Sequence[Row], faults: list[Fault]) -> Iterator[tuple[int, Receipt]]:
        """Yield receipts with the lines on which they begin; what is broken goes to `faults`."""
        for number, of in groupby(rows, key=lambda row: row.cells["number"]):
            together = list(of)
            first = together[0]
            try:
                if first.cells["store"] not in ("", self._desk.store_id):
                    faults += [Fault(line=row.line, code="other_shop") for row in together]
                    continue
                receipt = self._receipt(number, together)
            except BadCell as exc:
                code = exc.column if exc.column in _WORDS else "value"
                faults.append(Fault(line=first.line, code=code, column=exc.column))
                continue
            yield first.line, receipt

    def _receipt(self, number: str, rows: Sequence[Row]) -> Receipt:
        cells = rows[0].cells
        shared = ("at", "total", "currency", "kind", "buyer", "member", "voids", "rev")
        if any(row.cells[name] != cells[name] for row in rows for name in shared):
            raise BadCell("differs")
        currency = (cells["currency"] or self._currency).upper()
        receipt = Receipt(
            number=number,
            at=moment(cells["at"], self._desk.zone),
            total=minor_units(cells["total"], currency, "total"),
            currency=currency,
            rev=whole(cells["rev"], "rev", 1_000_000) or 1,
            kind=kind_of(cells["kind"]),
            buyer=buyer_of(cells["buyer"]),
            lines=tuple(_line(row, currency) for row in rows if _has_line(row)),
            member=cells["member"] or None,
            queue=_queue(cells["queue"]),
            consultant=cells["consultant"] or None,
            voids=cells["voids"] or None,
        )
        if (flaw := receipt_flaw(receipt)) is not None:
            raise BadCell(flaw)
        return receipt

    def _write_report(self, path: Path, faults: Sequence[Fault]) -> None:
        """Write what is wrong beside a file, whole or not at all."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["line", "column", "code", "problem"])
        for fault in faults:
            writer.writerow([fault.line, fault.column, fault.code, _WORDS[fault.code]])
        report = self._report(path)
        fresh = report.with_name(f".{report.name}")
        fresh.write_bytes(text.getvalue().encode("utf-8-sig"))  # so that spreadsheets know it
        fresh.chmod(0o660)  # for whoever drops files; the folder says who else
        fresh.replace(report)

    def _put_away(self, path: Path) -> None:
        done = self._folder / DONE
        done.mkdir(mode=0o700, exist_ok=True)
        with suppress(PermissionError):  # of a file that is not ours its own time counts
            os.utime(path)  # it is kept from now on
        place, count = done / path.name, 1
        while place.exists():
            place = done / f"{path.stem}.{count}{path.suffix}"
            count += 1
        path.rename(place)

    def _tidy(self) -> None:
        """Delete what has lain in `done` long enough, by the machine's clock as the files' is."""
        done = self._folder / DONE
        if not done.is_dir():
            return
        before = time.time() - KEPT.total_seconds()
        for path in done.iterdir():
            if path.is_file() and not path.is_symlink() and path.stat().st_mtime < before:
                path.unlink()


def _queue(text: str) -> int | None:
    if text and queue_number(text) is None:
        raise BadCell("queue")
    return queue_number(text)


def _has_line(row: Row) -> bool:
    return any(row.cells[name] for name in ("what", "quantity", "amount"))


def _line(row: Row, currency: str) -> Line:
    cells = row.cells
    amount = minor_units(cells["amount"], currency, "amount") if cells["amount"] else None
    quantity = whole(cells["quantity"], "quantity", 10_000) or 1
    return Line(what=one_line(cells["what"])[:80], quantity=quantity, amount=amount)


def _refused(answers: Sequence[Answer], lines: Sequence[int]) -> list[Fault]:
    return [
        Fault(line=line, code=answer.outcome)
        for answer, line in zip(answers, lines, strict=True)
        if answer.outcome != "kept"
    ]
