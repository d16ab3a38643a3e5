"""Tills that send all at once, in short: what is taken, and that the page goes on."""

import pytest

from edge.bench import receipts
from menkou.bench import Result


def test_the_bench_of_receipts_takes_them_while_the_page_is_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receipts, "SECONDS", 1.5)
    monkeypatch.setattr(receipts, "ALONE_S", 0.7)
    monkeypatch.setattr(receipts, "TILLS", 6)
    told = list(receipts.cases())
    results = [one for one in told if isinstance(one, Result)]
    assert len(results) == len(told) == 4, told
    taken, page, memory, disk = results
    assert taken.value > 0
    assert page.value > 0
    assert memory.value < memory.baseline_value + 64  # a flood waits at the tills, not here
    assert 0 < disk.value < 2000
