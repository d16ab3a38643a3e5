"""`menkou-edge token`: a token is shown once, listed without its text, and ended for good."""

import json
from pathlib import Path

import pytest

from edge import cli
from edge.app.common import ready_store
from edge.config import load
from edge.store.audit import Audit
from edge.store.tokens import Tokens


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "edge.toml"
    path.write_text('[store]\nid = "nj-001"\nname = "店"\ntimezone = "Asia/Shanghai"\n'
                    '[box]\nid = "nj-001-a"\ndata_dir = "data"\n')  # fmt: skip
    ready_store(tmp_path / "data").close()
    return str(path)


def test_a_token_is_made_listed_and_revoked(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--config", config]
    made = ["token", "add", *words, "--name", "till", "--scope", "read:shop", "--days", "30"]
    assert cli.main(made) == 0
    text = capsys.readouterr().out.splitlines()[-1]
    db = ready_store(load(Path(config)).data_dir)
    (token,) = Tokens(db).all()
    assert Tokens(db).find(text, token.made_at) == token
    assert cli.main(["token", "list", *words, "--json"]) == 0
    listed = capsys.readouterr().out
    assert json.loads(listed)["state"] == "good"
    assert text not in listed
    assert cli.main(["token", "revoke", *words, token.id]) == 0
    assert Tokens(db).find(text, token.made_at) is None
    assert cli.main(["token", "revoke", *words, token.id]) == 1
    assert [entry.detail["how"] for entry in Audit(db).entries()] == ["made", "revoked"]
    held = [bytes(page) for page in db.execute("SELECT token_hash FROM token").fetchone()]
    assert text.encode() not in held
    db.close()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--scope", "read:everything"], "read:everything"),
        (["--scope", "read:shop", "--days", "0"], "1 to 1095"),
        (["--scope", "read:shop", "--days", "5000"], "got 5000"),
    ],
)
def test_what_cannot_be_made_is_said(
    config: str, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert cli.main(["token", "add", "--config", config, "--name", "till", *words]) == 1
    assert told in capsys.readouterr().err
