"""The settings of tills."""

from pathlib import Path

import pytest

from tests.edge.test_config_outlets import faults, read


def test_without_a_setting_receipts_come_signed_only(tmp_path: Path) -> None:
    till = read(tmp_path, "").till
    assert (till.ca, till.drop_dir, till.currency) == (None, None, "CNY")


def test_a_folder_and_its_currency_are_read(tmp_path: Path) -> None:
    till = read(tmp_path, '[till]\ndrop_dir = "drop"\ncurrency = "HKD"\n').till
    assert (till.drop_dir, till.currency) == (Path("drop"), "HKD")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param('ca = "ca.pem"', "expected [console] cert beside it", id="no TLS"),
        pytest.param('currency = "yuan"', 'such as "CNY"', id="no currency"),
        pytest.param('drop = "x"', "unknown key", id="another key"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, text: str, fault: str) -> None:
    assert fault in "".join(faults(tmp_path, f"[till]\n{text}\n"))
