"""The console as an app, and what a phone installs to trust it: open to all, and of nobody."""

import hashlib
import io
import json
import plistlib
import subprocess
import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from edge.cli import main
from edge.config_values import local_name
from edge.console import trust
from edge.console.page import shop_page
from edge.console.trust import Ways, read_authority
from edge.console.view import ReachView
from menkou.listen import Listen
from tests.browser.conftest import NOW, shop_view
from tests.web.shopbox import ShopBox

STATIC = Path(__file__).parents[2] / "menkou" / "web" / "static"
AUTHORITY = Path(__file__).parents[2] / "firmware_config" / "mosquitto" / "authority"
_TLS = Listen(host="192.0.2.5", port=8780, cert=Path("a"), key=Path("b"), paired_only=True)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority for pages, as operations says to make one."""
    folder = tmp_path_factory.mktemp("pages")
    for words in (["init-pages", "shops.example.com"], ["page", "box", "menkou.local"]):
        subprocess.run([AUTHORITY, *words], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def unpaired(tmp_path: Path) -> FlaskClient:
    return ShopBox(tmp_path).app(shop_view, _TLS).test_client()


def test_the_app_is_open_to_who_is_not_paired_and_says_nothing_of_the_shop(
    unpaired: FlaskClient,
) -> None:
    for language, name in (("zh", "门口"), ("en", "Menkou")):
        manifest = json.loads(unpaired.get(f"/manifest.webmanifest?lang={language}").data)
        assert manifest["short_name"] == name
        for icon in manifest["icons"]:
            answer = unpaired.get(icon["src"], buffered=True)
            side = int(icon["sizes"].partition("x")[0])
            assert Image.open(io.BytesIO(answer.data)).size == (side, side)
        shell = unpaired.get(f"/shell/{language}").text
        assert "南京东路店" not in shell
        assert 'name="csrf"' not in shell
    assert unpaired.get("/shell/fr").status_code in (303, 401)


def test_the_worker_is_another_one_whenever_what_it_keeps_is(unpaired: FlaskClient) -> None:
    answer = unpaired.get("/sw.js", headers={"Accept-Language": "en"})
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "worker-src 'self'" in answer.headers["Content-Security-Policy"]
    again = unpaired.get("/sw.js", headers={"Accept-Language": "zh"})
    assert answer.text == again.text, "one worker for all languages"
    app: Flask = unpaired.application
    mark = app.extensions["menkou.assets"]
    app.extensions["menkou.assets"] = "another"
    assert unpaired.get("/sw.js").text != answer.text
    app.extensions["menkou.assets"] = mark
    for url in json.loads(answer.text.partition("const KEPT = ")[2].partition(";\n")[0]):
        assert unpaired.get(url, buffered=True).status_code == 200


def test_a_device_that_is_not_paired_is_told_to_forget_what_it_kept(
    unpaired: FlaskClient,
) -> None:
    for path, accept in (("/arrivals", "text/html"), ("/arrivals/live", "*/*")):
        answer = unpaired.get(path, headers={"Accept": accept})
        assert answer.headers["Clear-Site-Data"] == '"storage"'


def test_only_the_page_that_scans_may_ask_for_the_camera(tmp_path: Path) -> None:
    client = ShopBox(tmp_path).app(shop_view, Listen(host="127.0.0.1", port=1)).test_client()
    assert "camera=(self)" in client.get("/arrivals").headers["Permissions-Policy"]
    for path in ("/", "/arrivals/live", "/trust"):
        assert "camera=()" in client.get(path).headers["Permissions-Policy"]


def test_a_phone_installs_the_authority_and_compares_its_fingerprint(ca: Path) -> None:
    app = Flask("trusting")
    pages = trust.trust_pages(shop_view, Ways(ca=ca / "ca.pem", port=8780, has_tls=True))
    app.register_blueprint(pages)
    client = app.test_client()
    der = client.get("/ca.crt").data
    assert hashlib.sha256(der).hexdigest().upper() == read_authority(
        ca / "ca.pem"
    ).fingerprint.replace(":", "")
    profile = plistlib.loads(client.get("/ca.mobileconfig").data)
    (root,) = profile["PayloadContent"]
    assert root["PayloadType"] == "com.apple.security.root"
    assert root["PayloadContent"] == der
    authority = x509.load_der_x509_certificate(der)
    box = x509.load_pem_x509_certificate((ca / "box.pem").read_bytes())
    box.verify_directly_issued_by(authority)
    allowed = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert allowed.critical, "a phone trusts it for the shop's addresses, and for nothing else"
    permitted = [str(one.value) for one in allowed.value.permitted_subtrees or ()]
    assert permitted[:2] == ["local", "shops.example.com"]


def test_pairing_prints_the_fingerprint_that_the_phone_is_to_show(
    ca: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "edge.toml").write_text(
        f"""\
[store]
id = "nj-001"
name = "n"
timezone = "Asia/Shanghai"
[box]
id = "nj-001-a"
data_dir = "data"
[console]
listen = "192.0.2.9:8780"
cert = "{ca / "box.pem"}"
key = "file:{ca / "box.key"}"
ca = "{ca / "ca.pem"}"
""",
        encoding="utf-8",
    )
    assert main(["pair", "--config", str(tmp_path / "edge.toml")]) == 0
    told = capsys.readouterr().out
    assert "trust    https://menkou.local:8780/trust\n" in told
    assert f"sha-256  {read_authority(ca / 'ca.pem').fingerprint}\n" in told


@pytest.mark.parametrize("name", ["Menkou", "menkou.local", "-a", "a" * 33, "门口", 7])
def test_a_name_that_no_phone_could_ask_for_is_a_fault(name: object) -> None:
    with pytest.raises(ValueError, match=r"expected up to 32 characters"):
        local_name(name)


def test_no_certificate_is_issued_that_phones_would_refuse(ca: Path) -> None:
    before = (ca / "box.pem").read_bytes()
    refused = subprocess.run(
        [AUTHORITY, "page", "box", "menkou.local", "192.0.2.2"],
        cwd=ca,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "box: not issued" in refused.stderr
    assert "IP:192.0.2.2" in refused.stderr
    assert "DNS:shops.example.com" in refused.stderr
    assert (ca / "box.pem").read_bytes() == before
    assert (ca / "box.key").exists()


def test_without_an_authority_there_is_nothing_to_install(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    for ways in (Ways(), Ways(ca=broken)):
        app = Flask("trusting")
        app.register_blueprint(trust.trust_pages(shop_view, ways))
        assert app.test_client().get("/ca.crt").status_code == 404
    assert "expected a certificate in PEM" in caplog.text


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param(22, [], id="in good time"),
        pytest.param(21, [("care", "cert_expires")], id="three weeks ahead"),
        pytest.param(-1, [("fault", "cert_expired")], id="over"),
    ],
)
def test_a_certificate_that_runs_out_is_told_three_weeks_ahead(
    days: int, expected: list[tuple[str, str]]
) -> None:
    view = shop_view(reach=ReachView(expires_at=NOW + timedelta(days=days)))
    assert [(one.level, one.code) for one in shop_page(view).notices] == expected
    unsure = shop_page(replace(view, notices=("clock_suspect",)))
    assert [one.code for one in unsure.notices] == ["clock_suspect"]


def test_a_name_that_another_box_has_is_told() -> None:
    reach = ReachView(wanted="menkou.local", found_as="menkou-2.local", unusable=True)
    notices = shop_page(shop_view(reach=reach)).notices
    assert [one.code for one in notices] == ["name_taken", "cert_unusable"]


def test_what_others_wrote_is_as_they_published_it() -> None:
    vendor = STATIC / "vendor"
    told = tomllib.loads((vendor / "vendor.toml").read_text(encoding="utf-8"))
    sums = {
        f"{name}/{file}": sha256
        for name, one in told.items()
        for file, sha256 in one["sha256"].items()
    }
    there = {
        path.relative_to(vendor).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.rglob("*/*")
    }
    assert there == sums
