"""The commands of accounts, tokens and the audit log, as used on the hub's machine."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from cloud.accounts import people
from cloud.accounts.audit import Wanted, entries
from cloud.cli import main
from cloud.db import open_engine, reading, writing
from tests.support.accounts import HubOffice, cheaply

Hub = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hub(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A function that runs a command over a database: its exit code, stdout and stderr."""
    monkeypatch.setenv("MENKOU_DATA_DIR", str(tmp_path))
    assert main(["migrate"]) == 0
    capsys.readouterr()

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_an_account_is_made_listed_reset_and_disabled(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheaply(monkeypatch)
    monkeypatch.setenv("MENKOU_URL", "https://hub.example.com")
    code, link, said = hub("account", "add", "Li@example.com", "--role", "head_office")
    assert code == 0
    assert link.startswith("https://hub.example.com/welcome#menkou_")
    assert "within 3 days" in said
    code, listed, _ = hub("account", "list")
    assert listed.split("\t")[:5] == ["li@example.com", "head_office", "invited", "every", "never"]
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    office = HubOffice(engine, tmp_path)
    first = link.strip().split("#")[1]
    assert office.begin(office.client(), first).status_code == 200
    assert "\tactive\t" in hub("account", "list")[1]
    again = hub("account", "reset", "li@example.com")[1].strip().split("#")[1]
    assert "\tinvited\t" in hub("account", "list")[1]
    assert office.begin_refused(first) == 403
    assert office.begin(office.client(), again).status_code == 200
    code, _, said = hub("account", "disable", "li@example.com")
    assert "nobody of head office can sign in now" in said
    assert "\tdisabled\t" in hub("account", "list")[1]
    assert hub("account", "unlock", "li@example.com")[0] == 0
    engine.dispose()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(
            ("add", "li", "--role", "shop"), "got none; name each with --shop", id="no shop"
        ),
        pytest.param(
            ("add", "li", "--role", "auditor", "--shop", "nj-001"), "sees every shop", id="a shop"
        ),
        pytest.param(("add", "li na", "--role", "auditor"), "without a space", id="a space"),
        pytest.param(("reset", "nobody"), "expected the name of one", id="nobody"),
        pytest.param(("disable", "nobody"), "expected the name of one", id="nobody to disable"),
    ],
)
def test_what_cannot_be_done_says_why(hub: Hub, words: tuple[str, ...], said: str) -> None:
    code, out, err = hub("account", *words)
    assert (code, out) == (1, "")
    assert said in err


def test_a_name_is_given_once_and_a_strange_shop_is_warned_of(hub: Hub) -> None:
    shop = ("--role", "shop", "--shop", "nj-001")
    assert "is the id right?" in hub("account", "add", "chen", *shop)[2]
    code, _, said = hub("account", "add", "CHEN", *shop)
    assert code == 1
    assert "one that is taken" in said


def test_a_token_is_made_listed_and_revoked(hub: Hub) -> None:
    code, made, said = hub("token", "add", "--name", "bi", "--scope", "read:figures")
    assert code == 0
    assert made.startswith("menkou_")
    assert "shown this once" in said
    _, listed, _ = hub("token", "list")
    token, state, _, scopes, shops, name = listed.strip().split("\t")
    assert (state, scopes, shops, name) == ("good", "read:figures", "every", "bi")
    assert made.strip() not in listed
    assert hub("token", "revoke", token)[0] == 0
    assert hub("token", "revoke", token)[0] == 1
    assert "\trevoked\t" in hub("token", "list")[1]


def test_commands_that_change_something_stand_in_the_audit_log(hub: Hub, tmp_path: Path) -> None:
    desired = tmp_path / "desired.toml"
    desired.write_text('[privacy]\nmode_at_most = "count"\n', encoding="utf-8")
    hub("account", "add", "li", "--role", "auditor")
    hub("config", "set", "nj-001", "--file", str(desired))
    hub("key", "revoke", "nj-001/nj-001-a")
    hub("key", "restore", "nj-001/nj-001-a")
    hub("member", "erase", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "--yes")
    days = ("--from", "2026-01-01", "--to", "2026-01-31")
    hub("export", "--table", "daily", *days, str(tmp_path / "out.parquet"))
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    with reading(engine) as connection:
        lines = list(reversed(entries(connection, Wanted(), 50)))
        account = people.by_name(connection, "li")
    whats = [line.what for line in lines]
    assert whats == ["account", "account", "config", "key", "key", "erase", "export"]
    assert {line.actor for line in lines} == {"command"}
    assert account is not None
    assert lines[0].subject == account.id
    assert "01ARZ3NDEKTSV4RRFFQ69G5FAV" not in hub("audit", "list")[1]
    code, head, said = hub("audit", "verify")
    assert (code, len(head.strip())) == (0, 64)
    assert "7 lines, whole" in said
    with writing(engine) as connection:
        connection.execute(text("DROP TRIGGER audit_no_delete"))
        connection.execute(text("DELETE FROM audit WHERE id = 3"))
    engine.dispose()
    code, _, said = hub("audit", "verify")
    assert code == 1
    assert "line 4 does not follow" in said


def test_who_still_shares_a_password_is_told_what_to_do(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "hub.password").write_text("scrypt:32768:8:1$salt$0123", encoding="utf-8")
    settings = tmp_path / "hub.toml"
    settings.write_text('[hub]\npassword = "file:hub.password"\n', encoding="utf-8")
    code, _, said = hub("check-config", "--config", str(settings))
    assert code == 0
    assert "until somebody has an account (menkou-hub account add)" in said
