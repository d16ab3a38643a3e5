"""Faults of a settings file: all at once, each with its line."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from menkou.listen import Listen, parse_listen
from menkou.settings import STRICT, SettingsFault, build, locate_keys, read_secret, read_toml


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Door:
    name: str
    fps: Annotated[int, Field(ge=1, le=30)] = 10


@dataclass(frozen=True, kw_only=True, config=STRICT)
class House:
    title: str
    door: tuple[Door, ...] = ()


def load(tmp_path: Path, text: str) -> House:
    path = tmp_path / "house.toml"
    path.write_text(text, encoding="utf-8")
    raw, lines = read_toml(path)
    return build(House, raw, path.name, lines)


def test_all_faults_are_reported_at_once_by_line(tmp_path: Path) -> None:
    text = 'title = 7\n\n[[door]]\nname = "a"\n\n[[door]]\nnaem = "b"\nfps = 0\n'
    with pytest.raises(SettingsFault) as caught:
        load(tmp_path, text)
    assert str(caught.value).splitlines() == [
        "house.toml:1: title: expected text in quotes, got 7",
        "house.toml:6: door[1].name: expected a value, got none",
        "house.toml:7: door[1].naem: unknown key; did you mean 'name'?",
        "house.toml:8: door[1].fps: expected at least 1, got 0",
    ]


def test_a_file_that_is_no_toml_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match=r"house\.toml:2: not valid TOML"):
        load(tmp_path, 'title = "x"\n[[door\n')


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match=r"none\.toml: cannot be read: No such file"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "gbk.toml").write_bytes('title = "门口"'.encode("gbk"))
    with pytest.raises(SettingsFault, match=r"gbk\.toml: expected UTF-8 text"):
        read_toml(tmp_path / "gbk.toml")


def test_keys_are_found_behind_comments_arrays_and_strings_with_brackets() -> None:
    text = (
        '# [not] = a table\na = [ # "]"\n  "[x]", [1,\n  2]]\nb = "]["\n'
        '[t . "q"]\nc = 1\n[[l]]\n[[l]]\nd = 2\n[l.sub]\ne = 3\n'
    )
    assert locate_keys(text) == {
        ("a",): 2,
        ("b",): 5,
        ("t", "q"): 6,
        ("t", "q", "c"): 7,
        ("l", 0): 8,
        ("l", 1): 9,
        ("l", 1, "d"): 10,
        ("l", "sub"): 11,
        ("l", "sub", "e"): 12,
    }


def test_a_secret_is_read_from_its_file_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("open sesame\n")
    assert read_secret("file:pw", tmp_path) == "open sesame"
    with pytest.raises(ValueError, match="expected a file: reference") as caught:
        read_secret("open sesame", tmp_path)
    assert "sesame" not in str(caught.value)
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(ValueError, match="empty file"):
        read_secret("file:empty", tmp_path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_secret("file:missing", tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8780", ("127.0.0.1", 8780)),
        ("[::1]:0", ("::1", 0)),
        ("shop.local:443", ("shop.local", 443)),
    ],
)
def test_a_listen_address_is_split(text: str, expected: tuple[str, int]) -> None:
    assert parse_listen(text) == expected


@pytest.mark.parametrize("text", ["8780", ":8780", "host", "host:", "host:99999", "host:-1"])
def test_a_listen_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected HOST:PORT"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("host", "tls", "login", "missing"),
    [
        ("127.0.0.1", False, False, None),
        ("::1", False, False, None),
        ("localhost", False, False, None),
        ("0.0.0.0", False, False, "TLS (cert and key) and no login (password)"),
        ("192.0.2.1", True, False, "login (password)"),
        ("::", False, True, "TLS (cert and key)"),
        ("shop.local", True, True, None),
    ],
)
def test_a_page_is_open_to_the_network_only_with_tls_and_a_login(
    host: str, tls: bool, login: bool, missing: str | None
) -> None:
    file = Path("x.pem") if tls else None
    listen = Listen(
        host=host, port=1, cert=file, key=file, password_hash="scrypt:x" if login else None
    )
    reason = listen.exposure()
    assert reason is None if missing is None else reason and f"has no {missing};" in reason
