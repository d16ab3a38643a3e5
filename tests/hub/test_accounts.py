"""Who comes in at head office: links, passwords, codes, sessions, roles, the lock on guessing."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DatabaseError
from werkzeug.security import generate_password_hash

from cloud.accounts import audit, changes, people, sessions
from cloud.accounts import tables as account_tables
from cloud.accounts.access import OPEN, RULES
from cloud.accounts.audit import Wanted
from cloud.accounts.errors import AccountFault
from cloud.db import reading, writing
from tests.hub.conftest import on_sqlite
from tests.support.accounts import PASSWORD, HubOffice, Person, cheaply, secret_on, token_of


@pytest.fixture
def office(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HubOffice:
    cheaply(monkeypatch)
    return HubOffice(engine, tmp_path)


def told(office: HubOffice, what: str) -> list[tuple[str, str | None, str]]:
    with reading(office.engine) as connection:
        found = audit.entries(connection, Wanted(what=what), 100)
    return [(one.actor, one.subject, str(one.detail.get("how"))) for one in reversed(found)]


def post(client: FlaskClient, path: str, page: str = "/me", **form: str) -> int:
    data = {"csrf": token_of(client.get(page)), **form}
    return client.post(path, data=data).status_code


def test_an_invited_person_begins_once_and_comes_in_again_by_password_and_code(
    office: HubOffice,
) -> None:
    code, client = office.invited("li@example.com"), office.client()
    assert client.get("/", follow_redirects=False).location == "/login?next=/"
    begun = office.begin(client, code)
    assert begun.status_code == 200
    assert begun.text.count("<li class") == 10
    assert client.get("/").status_code == 200
    assert office.begin_refused(code) == 403
    person = office.person("wang")
    back = office.sign_in(person)
    page = back.get("/").text
    assert "Last sign-in: 1 minute ago, 127.0.0.1" in page
    assert [how for _, _, how in told(office, "sign_in")] == ["begun", "begun", "app"]


@on_sqlite
def test_a_link_ends_after_three_days_and_with_the_next_one(office: HubOffice) -> None:
    first = office.invited("li")
    office.clock.go(days=3)
    assert office.begin_refused(first) == 403
    with writing(office.engine) as connection:
        account = people.by_name(connection, "LI ")
        assert account is not None
        second = changes.invite(connection, account, by="command", now=office.clock.now()).code
        third = changes.invite(connection, account, by="command", now=office.clock.now()).code
    assert office.begin_refused(second) == 403
    assert office.begin(office.client(), third).status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    ("form", "status"),
    [
        pytest.param({"password": "wrong password"}, 403, id="password"),
        pytest.param({"code": "000000"}, 403, id="code"),
        pytest.param({"code": ""}, 403, id="no code"),
        pytest.param({"name": "nobody"}, 403, id="name"),
        pytest.param({"password": "x" * 5000}, 403, id="endless"),
        pytest.param({"csrf": "other"}, 400, id="form token"),
    ],
)
def test_nobody_comes_in_with_anything_wrong(
    office: HubOffice, form: dict[str, str], status: int
) -> None:
    person, client = office.person("li"), office.client()
    answer = office.sign_in(person, client, **form)
    assert answer.status_code == status
    assert client.get("/").status_code == 303


@on_sqlite
def test_a_code_is_good_once_and_a_paper_takes_its_place_once(office: HubOffice) -> None:
    person = office.person("li")
    code = person.code()
    assert office.sign_in(person, office.client(), code=code).status_code == 303
    assert office.sign_in(person, office.client(), code=code).status_code == 403
    paper = person.papers[3].lower().replace("-", " ")
    assert office.sign_in(person, office.client(), code=paper).status_code == 303
    assert office.sign_in(person, office.client(), code=paper).status_code == 403
    office.clock.go(seconds=30)
    me = office.sign_in(person).get("/me").text
    assert "9 left" in me


def test_guessing_waits_ever_longer_at_its_own_address_and_not_elsewhere(
    office: HubOffice,
) -> None:
    person, guesser = office.person("li"), office.client()
    guesser.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    for _ in range(5):
        assert office.sign_in(person, guesser, password="a guess").status_code == 403
    refused = office.sign_in(person, guesser)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 30
    assert told(office, "locked") == [("door", person.account.id, "None")]
    # Another process, or one that was started anew, knows of it.
    again = HubOffice(office.engine, office.folder, office.clock).client()
    again.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert office.sign_in(person, again).status_code == 429
    home = office.sign_in(person)
    assert "5 failed tries since" in home.get("/").text
    office.clock.go(seconds=31)
    office.sign_in(person, guesser, password="a guess")
    waits = []
    for _ in range(6):
        refused = office.sign_in(person, guesser, password="a guess")
        waits.append(int(refused.headers.get("Retry-After", 0)))
        office.clock.go(seconds=waits[-1] + 1)
    assert max(waits) <= 15 * 60


@on_sqlite
def test_a_session_ends_when_nobody_does_anything_and_after_twelve_hours(
    office: HubOffice,
) -> None:
    person = office.person("li")
    client = office.sign_in(person)
    for _ in range(4):
        office.clock.go(minutes=29)
        assert client.get("/").status_code == 200
    # What a page fetches by itself keeps nobody signed in.
    office.clock.go(minutes=20)
    assert client.get("/today/live").status_code == 200
    office.clock.go(minutes=11)
    assert client.get("/today/live", headers={"Accept": "*/*"}).status_code == 401
    client = office.sign_in(person)
    for _ in range(27):
        office.clock.go(minutes=26)
        client.get("/")
    assert client.get("/").status_code == 200
    office.clock.go(minutes=20)
    assert client.get("/").status_code == 303


@on_sqlite
def test_signing_in_begins_a_session_anew_and_signing_out_ends_it_for_a_kept_cookie(
    office: HubOffice,
) -> None:
    person = office.person("li")
    client = office.sign_in(person)
    kept = client.get_cookie("menkou_hub")
    assert kept
    assert kept.http_only
    assert kept.same_site == "Strict"
    with client.session_transaction() as held:
        held.clear()
    client.get("/logout")
    answer = client.post("/logout", data={"csrf": token_of(client.get("/me"))})
    assert answer.location == "/login"
    client.set_cookie("menkou_hub", kept.value)
    assert client.get("/").status_code == 303
    with reading(office.engine) as connection:
        rows = connection.execute(select(account_tables.account_session)).all()
    assert rows == []


@on_sqlite
def test_ones_own_page_lists_sessions_and_ends_them(office: HubOffice) -> None:
    person = office.person("li")
    here, there, lost = office.sign_in(person), office.sign_in(person), office.sign_in(person)
    assert here.get("/me").text.count('id="session-') == 3
    assert post(here, "/me/end-others") == 303
    assert here.get("/").status_code == 200
    assert (there.get("/").status_code, lost.get("/").status_code) == (303, 303)
    other = office.sign_in(office.person("wang"))
    office.clock.go(seconds=60)
    mine = office.sign_in(person)
    with reading(office.engine) as connection:
        held = sessions.of_account(connection, person.account.id, office.clock.now())
    post(other, "/me/end", session=held[0].id)
    assert mine.get("/").status_code == 200


@on_sqlite
def test_what_is_dangerous_asks_once_more_who_it_is(office: HubOffice) -> None:
    person = office.person("li")
    client = office.sign_in(person)
    assert client.get("/people").status_code == 200
    office.clock.go(minutes=11)
    asked = client.get("/people")
    assert (asked.status_code, asked.location) == (303, "/me/prove?next=/people")
    data = {"csrf": token_of(client.get("/me")), "name": "x", "role": "auditor"}
    assert client.post("/people/add", data=data).location == "/me/prove?next=/people"
    form = {"next": "/people", "password": PASSWORD, "code": "000000"}
    assert post(client, "/me/prove", "/me/prove", **form) == 403
    form["code"] = person.code()
    assert post(client, "/me/prove", "/me/prove", **form) == 303
    assert client.get("/people").status_code == 200


@on_sqlite
def test_head_office_adds_changes_and_ends_accounts(office: HubOffice) -> None:
    office.shops("nj-001", "nj-002")
    head = office.sign_in(office.person("li"))
    form = {"name": "chen", "shown": "陈", "role": "shop", "shops": "nj-001"}
    csrf = token_of(head.get("/people"))
    page = head.post("/people/add", data={"csrf": csrf, **form}).text
    code = page.split("/welcome#")[1].split("<")[0]
    assert page.split('id="link">')[1].startswith("http://127.0.0.1:8700/welcome#")
    assert code not in head.get("/people").text
    clerk = office.client()
    assert office.begin(clerk, code).status_code == 200
    assert clerk.get("/street/nj-002").status_code == 404
    with reading(office.engine) as connection:
        chen = people.by_name(connection, "chen")
    assert chen is not None
    both = {"account": chen.id, "role": "region", "shops": "nj-001 nj-002"}
    assert post(head, "/people/change", "/people", **both) == 303
    assert clerk.get("/street/nj-002").status_code == 200
    for wrong in ({"shops": "nj-001 nj-009"}, {"shops": ""}, {"name": "li"}):
        assert post(head, "/people/add", "/people", **{**form, "name": "new", **wrong}) == 409
    assert post(head, "/people/disable", "/people", account=chen.id) == 303
    assert clerk.get("/").status_code == 303
    whats = [how for _, subject, how in told(office, "account") if subject == chen.id]
    assert whats == ["made", "invited", "password", "papers", "changed", "disabled"]


@on_sqlite
def test_the_last_of_head_office_cannot_shut_everybody_out(office: HubOffice) -> None:
    person = office.person("li")
    head = office.sign_in(person)
    this = {"account": person.account.id, "role": "auditor", "shops": ""}
    for path in ("change", "again", "disable"):
        assert post(head, f"/people/{path}", "/people", **this) == 409
    office.person("wang")
    head = office.sign_in(person)
    assert post(head, "/people/change", "/people", **this) == 303
    assert head.get("/people").status_code == 403


def test_a_new_password_and_a_new_phone_end_the_old_ones(office: HubOffice) -> None:
    person = office.person("li")
    here, there = office.sign_in(person), office.sign_in(person)
    assert post(here, "/me/password", "/me/keys", password="short") == 409
    assert post(here, "/me/password", "/me/keys", password="a new long password") == 303
    assert there.get("/").status_code == 303
    old = person.secret
    person.secret = secret_on(here.get("/me/keys"))
    assert post(here, "/me/app", "/me/keys", code="000000") == 409
    assert post(here, "/me/app", "/me/keys", code=person.code()) == 303
    office.clock.go(seconds=30)
    assert office.sign_in(person, office.client()).status_code == 403
    person.password = "a new long password"
    assert office.sign_in(person, office.client()).status_code == 303
    office.clock.go(seconds=30)
    person.secret = old
    assert office.sign_in(person, office.client()).status_code == 403


@on_sqlite
def test_a_role_opens_its_own_pages_and_no_other(office: HubOffice) -> None:
    office.shops("nj-001")
    seen = {}
    for role in ("head_office", "region", "shop", "auditor"):
        shops = ("nj-001",) if role in ("region", "shop") else ()
        client = office.sign_in(office.person(role, role, *shops))
        paths = ("/", "/street", "/me", "/people", "/programs", "/audit", "/api/v1/health")
        seen[role] = [client.get(path).status_code for path in paths]
    assert seen == {
        "head_office": [200] * 7,
        "region": [200, 200, 200, 403, 403, 403, 403],
        "shop": [200, 200, 200, 403, 403, 403, 403],
        "auditor": [200, 200, 200, 403, 403, 200, 200],
    }


def test_every_route_says_who_may_use_it(office: HubOffice) -> None:
    endpoints = {rule.endpoint for rule in office.app.url_map.iter_rules()} - {"static"}
    assert endpoints == set(RULES) | OPEN


@on_sqlite
def test_an_auditor_changes_nothing(office: HubOffice) -> None:
    auditor = office.sign_in(office.person("audit", "auditor"))
    own = {"web.logout", *(name for name in RULES if name.startswith("me."))}
    posts = [rule for rule in office.app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    tried = 0
    for rule in posts:
        if rule.endpoint in OPEN | own:
            continue
        data = {"csrf": token_of(auditor.get("/me"))}
        assert auditor.post(str(rule), data=data).status_code == 403, rule
        tried += 1
    assert tried == 15


def test_who_shares_one_password_goes_on_until_there_is_an_account(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheaply(monkeypatch)
    kept = generate_password_hash("open sesame", method="pbkdf2:sha256:1000")
    (tmp_path / "hub.password").write_text(kept, encoding="utf-8")
    environ = {"MENKOU_PASSWORD": f"file:{tmp_path / 'hub.password'}"}
    office = HubOffice(engine, tmp_path, environ=environ)
    client = office.client()

    def enter(password: str) -> int:
        csrf = token_of(client.get("/login"))
        return client.post("/login", data={"csrf": csrf, "password": password}).status_code

    assert "menkou-hub account add" in client.get("/login").text
    assert (enter("a guess"), enter("open sesame")) == (403, 303)
    assert [client.get(path).status_code for path in ("/", "/people", "/audit")] == [200, 403, 403]
    code = office.invited("li")
    assert client.get("/").status_code == 200
    assert office.begin(office.client(), code).status_code == 200
    assert client.get("/").status_code == 303
    assert enter("open sesame") == 403


@on_sqlite
def test_on_loopback_nobody_is_asked_until_there_is_an_account(
    office: HubOffice, tmp_path: Path
) -> None:
    client = office.client()
    assert client.get("/").status_code == 200
    assert client.get("/people").status_code == 403
    public = HubOffice(office.engine, tmp_path, environ={"MENKOU_URL": "https://hub.example.com"})
    page = public.client().get("/login", base_url="https://hub.example.com")
    assert "account add" in page.text
    assert page.headers["Set-Cookie"].startswith("__Host-menkou_cloud=")
    office.invited("li")
    assert client.get("/").status_code == 303


@on_sqlite
def test_without_the_file_of_the_second_factors_nobody_comes_in_and_nothing_is_lost(
    office: HubOffice,
) -> None:
    person = office.person("li")
    secret = office.config.accounts_secret
    kept = secret.read_bytes()
    secret.unlink()
    assert office.sign_in(person, office.client()).status_code == 503
    assert not secret.exists()
    secret.write_bytes(kept)
    secret.chmod(0o600)
    assert office.sign_in(person, office.client()).status_code == 303


def test_the_audit_log_is_only_added_to_and_shows_what_was_changed(office: HubOffice) -> None:
    office.person("li")
    for change in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit"):
        with pytest.raises(DatabaseError), writing(office.engine) as connection:
            connection.execute(text(change))
    with reading(office.engine) as connection:
        verdict = audit.verify(connection)
        assert (verdict.rows, verdict.broken) == (audit.count(connection), None)
    sqlite = office.engine.dialect.name == "sqlite"
    guard = "TRIGGER audit_no_update" if sqlite else "TRIGGER audit_append_only ON audit"
    with writing(office.engine) as connection:
        connection.execute(text(f"DROP {guard}"))
        connection.execute(text("UPDATE audit SET actor = 'command2' WHERE id = 2"))
    with reading(office.engine) as connection:
        assert audit.verify(connection).broken == 2


@on_sqlite
def test_the_log_says_in_words_what_was_done(office: HubOffice) -> None:
    office.person("wang", "shop", "nj-001")
    auditor = office.sign_in(office.person("audit", "auditor"))
    told: dict[str, audit.Code] = {"table": "member", "how": "merge", "new_field": 7}
    with writing(office.engine) as connection:
        audit.append(connection, at=office.clock.now(), what="import", actor="command", detail=told)
    page = auditor.get("/audit?lang=zh").text
    for words in ("新建 · 门店 · 1 家店", "全部门店", "密码和验证码", "会员", "合并会员"):
        assert words in page
    assert "new_field 7" in page  # what has no words yet stands for itself
    for code in ("how ", "role ", "head_office", "shops "):
        assert f'<span class="quiet">{code}' not in page
        assert f" · {code}" not in page


@on_sqlite
def test_auditors_filter_the_log_and_take_it_away_as_a_table(office: HubOffice) -> None:
    person = office.person("li")
    auditor = office.sign_in(office.person("audit", "auditor"))
    page = auditor.get("/audit?what=sign_in").text
    assert "Shown li" in page
    assert page.count("<time") == 3
    one = auditor.get(f"/audit?who={person.account.actor}&what=sign_in").text
    assert one.count("<time") == 1
    tomorrow = (office.clock.now() + timedelta(days=1)).date()
    assert auditor.get(f"/audit?from={tomorrow}").text.count("<time") == 0
    assert auditor.get("/audit?from=nonsense&what=nonsense").status_code == 200
    table = auditor.get("/audit/table.csv?what=sign_in")
    assert table.content_type.startswith("text/csv")
    lines = table.text.splitlines()
    assert lines[0] == "id,at,what,actor,subject,detail"
    assert len(lines) == 4
    assert told(office, "export")[0][0].startswith("account:")


@on_sqlite
def test_no_name_and_no_secret_stands_in_the_audit_log(office: HubOffice) -> None:
    office.person("li.na@example.com")
    with reading(office.engine) as connection:
        found = json.dumps([str(one) for one in audit.entries(connection, Wanted(), 100)])
    assert "li.na" not in found
    now = office.clock.now()
    with writing(office.engine) as connection:
        for wrong in ({"x": "Li Na"}, {"x": "李娜"}):
            with pytest.raises(ValueError, match="expected a code"):
                audit.append(connection, at=now, what="view", actor="command", detail=wrong)


@on_sqlite
@pytest.mark.parametrize("name", ["", " ", "li na", "x" * 81, "a\tb"])
def test_a_name_that_nobody_could_type_is_refused(office: HubOffice, name: str) -> None:
    with pytest.raises(AccountFault, match="name: expected 1 to 80 characters"):
        office.invited(name)


@on_sqlite
def test_a_stolen_database_opens_no_session_and_no_second_factor(office: HubOffice) -> None:
    person: Person = office.person("li")
    client = office.sign_in(person)
    cookie = client.get_cookie("menkou_hub")
    assert cookie is not None
    office.engine.dispose()
    raw = b"".join(path.read_bytes() for path in office.folder.glob("hub.db*"))
    for secret in (
        cookie.value.encode(),
        person.secret,
        PASSWORD.encode(),
        person.papers[0].encode(),
    ):
        assert secret not in raw
