"""The box's settings (DESIGN section 4)."""

from datetime import timedelta
from pathlib import Path

import pytest

from edge.config import EdgeConfig, load
from edge.core.geometry import Line
from menkou.settings import SettingsFault

STORE = '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n'
BOX = '[box]\nid = "nj-001-a"\ndata_dir = "data"\n'
DOOR = '[[camera]]\nname = "door"\nsource = "rtsp://192.0.2.10/stream"\n'

# The example of DESIGN section 4, whole.
EVERYTHING = (
    STORE
    + BOX
    + DOOR
    + """\
role = "entrance"
line = [[0.0, 0.8], [1.0, 0.8]]
inside = "above"
zone = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
staff_zone = []
[privacy]
mode = "entrance"
key = "tpm"
[declaration]
jurisdiction = "CN"
controller = "Example Jewellery Co."
contact = "privacy@example.com"
assessment = "PIA-2026-014"
signage_attested_by = "Shop manager"
signage_attested_on = 2026-11-01
expires = 2027-11-01
accept_file_key = true
basis_everybody = ""
[hours]
mon = ["10:00", "22:00"]
sun = ["18:00", "02:00"]
[dedup]
window = "3h"
since = "last_seen"
who = "members"
[wifi]
enabled = false
interface = "mon0"
channels = [1, 6, 11]
[uplink]
broker = "mqtts://hub.example.com:8883"
ca = "/etc/menkou/ca.pem"
cert = "/etc/menkou/box.pem"
key = "file:/etc/menkou/box.key"
[console]
listen = "127.0.0.1:8780"
"""
)


def config(tmp_path: Path, text: str) -> EdgeConfig:
    path = tmp_path / "edge.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(SettingsFault) as caught:
        config(tmp_path, text)
    return str(caught.value).splitlines()


def test_the_settings_of_the_contract_are_read_whole(tmp_path: Path) -> None:
    found = config(tmp_path, EVERYTHING)
    assert found.camera[0].counting_line == Line(start=(0, 0.8), end=(1, 0.8), inside="above")
    assert found.dedup.window == timedelta(hours=3)
    assert found.data_dir == tmp_path / "data"
    assert sorted(found.hours.by_weekday) == [0, 6] if found.hours else False


def test_shop_and_box_are_enough(tmp_path: Path) -> None:
    found = config(tmp_path, STORE + BOX)
    assert (found.privacy.mode, found.console.listen) == ("count", "127.0.0.1:8780")
    assert found.uplink is None
    assert found.opening_hours.by_weekday is None


def test_faults_of_all_sections_are_reported_together(tmp_path: Path) -> None:
    text = (
        STORE.replace("Asia/Shanghai", "Asia/Shanghia")
        + BOX
        + DOOR
        + 'inside = "above"\nrole = "entrence"\n'
        + '[[camera]]\nname = "till"\nsource = "file:till.url"\n'
        + '[console]\nlisten = "0.0.0.0:8780"\n[hour]\n'
    )
    found = faults(tmp_path, text)
    lines = [line.split(": ")[0].split(":")[1] for line in found]
    assert lines == ["4", "11", "12", "15", "17", "18"]
    assert "expected an IANA time zone" in found[0]
    assert "expected a line beside it" in found[1], "though another key of the camera is faulty"
    assert "expected 'entrance', 'checkin' or 'floor', got 'entrence'" in found[2]
    assert "till.url: cannot be read: No such file" in found[3]
    assert "0.0.0.0:8780 can be reached from other machines" in found[4]
    assert "unknown key; did you mean 'hours'?" in found[5]


def test_no_fault_of_a_section_waits_until_another_one_is_mended(tmp_path: Path) -> None:
    text = (
        STORE
        + BOX
        + '[uplink]\nbroker = "http://hub"\nca = "ca.pem"\ncert = "box.pem"\n'
        + '[console]\nlisten = "127.0.0.1:8780"\ncart = "page.pem"\nkey = "file:page.key"\n'
        + '[metrics]\nlisten = "0.0.0.0:8780"\ntoken = "file:absent"\n'
    )
    path = tmp_path / "edge.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsFault) as caught:
        load(path, files=True)
    found = [(fault.line, fault.key, fault.text[:33]) for fault in caught.value.faults]
    assert found == [
        (9, "uplink.broker", "expected mqtts://HOST:PORT (mqtt:"),
        (10, "uplink.ca", "expected a file that can be read,"),
        (11, "uplink.cert", "expected key beside it, got none"),
        (11, "uplink.cert", "expected a file that can be read,"),
        (14, "console.cart", "unknown key; did you mean 'cert'?"),
        (15, "console.key", "expected cert beside it, got none"),
        (15, "console.key", "expected a file that can be read,"),
        (17, "metrics.listen", "0.0.0.0:8780 can be reached from "),
        (17, "metrics.listen", "expected an address or port of it"),
        (18, "metrics.token", f"secret file {tmp_path}"[:33]),
    ]
    without = "\n".join(faults(tmp_path, text))
    assert "file that can be read" not in without, "a replay needs no certificates"


def test_a_faulty_value_makes_no_fault_of_a_sound_one(tmp_path: Path) -> None:
    text = STORE + BOX + DOOR.replace('"rtsp://192.0.2.10/stream"', '""') + DOOR
    text += 'line = [[0.0, 2.0], [1.0, 0.8]]\ninside = "above"\n[uplink]\nbroker = "mqtts://h"\n'
    text += 'cert = "a.pem"\nkey = "in the open"\n[console]\nlisten = "0.0.0.0:1"\ncert = 5\n'
    assert [line.split(": ")[1] for line in faults(tmp_path, text)] == [
        "camera[0].source",
        "camera[1].name",
        "camera[1].line",
        "uplink.key",
        "console.cert",
    ]


@pytest.mark.parametrize(
    ("console", "metrics", "shared"),
    [
        ("127.0.0.1:9464", "127.0.0.1:9464", True),
        ("localhost:9464", "127.0.0.1:9464", True),
        ("0.0.0.0:9464", "127.0.0.1:9464", True),
        ("127.0.0.1:9464", "box.lan:9464", False),
        ("0.0.0.0:9464", "box.lan:9464", True),
        ("[::]:9464", "127.0.0.1:9464", False),
        ("[::]:9464", "[::1]:9464", True),
        ("127.0.0.1:9464", "127.0.0.1:9465", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
    ],
)
def test_page_and_metrics_need_an_address_or_a_port_of_their_own(
    tmp_path: Path, console: str, metrics: str, shared: bool
) -> None:
    (tmp_path / "token").write_text("0123456789abcdef" * 2)
    guards = 'cert = "p.pem"\nkey = "file:p.key"\n'
    text = f'[console]\nlisten = "{console}"\n{guards}[metrics]\nlisten = "{metrics}"\n{guards}'
    text = STORE + BOX + text + 'token = "file:token"\n'
    if shared:
        (found,) = faults(tmp_path, text)
        assert found.startswith("edge.toml:13: metrics.listen: expected an address or port of its")
        assert found.endswith(f": {metrics} is where console.listen = {console} listens")
    else:
        config(tmp_path, text)


def test_shop_and_box_fit_together_into_a_certificates_common_name(tmp_path: Path) -> None:
    def ids(store: str, box: str) -> str:
        return (STORE + BOX).replace('"nj-001"', f'"{store}"').replace('"nj-001-a"', f'"{box}"')

    uplink = '[uplink]\nbroker = "mqtts://h"\ncert = "box.pem"\nkey = "file:box.key"\n'
    longest = config(tmp_path, ids("s" * 31, "b" * 32) + uplink)
    assert len(f"{longest.store.id}/{longest.box.id}") == 64
    (found,) = faults(tmp_path, ids("s" * 31, "b" * 33) + uplink)
    assert found.startswith("edge.toml:6: box.id: expected at most 63 characters together with")
    assert "got 64" in found
    config(tmp_path, ids("s" * 31, "b" * 33))  # a box without a certificate counts on


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param('inside = "above"\n', "expected a line beside it", id="inside alone"),
        pytest.param("line = [[0, 0.5], [1, 0.5]]\n", "expected inside =", id="line alone"),
        pytest.param(
            'line = [[0.5, 0], [0.5, 1]]\ninside = "above"\n', "left or right", id="wrong side"
        ),
        pytest.param(
            'line = [[0, 0.5], [0, 0.5]]\ninside = "above"\n', "two different points", id="a point"
        ),
        pytest.param("line = [[0, 0.5]]\n", "two points", id="one point"),
        pytest.param("line = [[0, 0.5], [1, 1.5]]\n", "from 0 to 1", id="outside the picture"),
        pytest.param("staff_zone = [[0, 0], [1, 1]]\n", "3 or more points", id="no area"),
    ],
)
def test_a_counting_line_that_cannot_count_is_a_fault(
    tmp_path: Path, lines: str, expected: str
) -> None:
    assert expected in faults(tmp_path, STORE + BOX + DOOR + lines)[0]


def test_two_cameras_of_one_name_are_a_fault(tmp_path: Path) -> None:
    assert "got 'door' again" in faults(tmp_path, STORE + BOX + DOOR + DOOR)[0]


def test_entrance_mode_needs_a_zone(tmp_path: Path) -> None:
    text = STORE + BOX + DOOR + '[privacy]\nmode = "entrance"\n'
    assert "expected a zone, which entrance mode needs" in faults(tmp_path, text)[0]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("broker", "mqtt://hub.example.com", "expected mqtts:// for a broker on another machine"),
        ("broker", "mqtts://box:geheim123@hub.example.com", "expected no password in the address"),
        ("broker", "http://hub.example.com", "expected mqtts://HOST:PORT"),
        ("key", "-----BEGIN geheim123", "expected a file: reference"),
    ],
)
def test_an_uplink_is_secure_and_its_secrets_are_never_repeated(
    tmp_path: Path, key: str, value: str, expected: str
) -> None:
    text = STORE + BOX + f'[uplink]\nbroker = "mqtts://hub.example.com"\n{key} = "{value}"\n'
    if key == "broker":
        text = STORE + BOX + f'[uplink]\nbroker = "{value}"\n'
    found = "\n".join(faults(tmp_path, text))
    assert expected in found
    assert "geheim123" not in found


def test_a_camera_password_stays_in_its_file(tmp_path: Path) -> None:
    secret = "rtsp://admin:geheim123@192.0.2.10/stream"
    found = faults(tmp_path, STORE + BOX + f'[[camera]]\nname = "door"\nsource = "{secret}"\n')
    assert "expected no user or password in the address" in found[0]
    assert "geheim123" not in found[0]
    (tmp_path / "door.url").write_text(secret)
    text = STORE + BOX + '[[camera]]\nname = "door"\nsource = "file:door.url"\n'
    loaded = config(tmp_path, text)
    assert loaded.camera[0].address(loaded.base) == secret
    assert "geheim123" not in repr(loaded)


@pytest.mark.parametrize(
    "source",
    [
        "rtsp://admin:ge#heim123@192.0.2.10/stream",
        "rtsp://192.0.2.10/user=admin&password=geheim123&channel=1",
        "http://192.0.2.10/video?user=admin&pwd=geheim123",
    ],
)
def test_a_password_anywhere_in_an_address_is_a_fault_that_does_not_repeat_it(
    tmp_path: Path, source: str
) -> None:
    (found,) = faults(tmp_path, STORE + BOX + f'[[camera]]\nname = "door"\nsource = "{source}"\n')
    assert "only root and the service can read" in found
    assert "geheim123" not in found


@pytest.mark.parametrize(
    "url",
    ["rtsp://admin:geheim/123@192.0.2.10/s", "rtsp://admin:geheim#123@h/s", "rtsp://[geheim"],
)
def test_an_address_in_a_file_that_cannot_be_read_is_a_fault_that_does_not_repeat_it(
    tmp_path: Path, url: str
) -> None:
    (tmp_path / "door.url").write_text(url)
    text = STORE + BOX + '[[camera]]\nname = "door"\nsource = "file:door.url"\n'
    (found,) = faults(tmp_path, text)
    assert "got one that cannot be read" in found
    assert "geheim" not in found


def test_a_table_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    text = STORE + BOX + '[camera]\nname = "door"\nsource = "rtsp://admin:geheim123@h/s"\n'
    found = "\n".join(faults(tmp_path, text))
    assert "camera: expected a list of tables, [[camera]] in double brackets" in found
    assert "geheim123" not in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[wifi]\nenabled = "yes"\n', "wifi.enabled: expected true or false, got 'yes'"),
        ("[wifi]\nchannels = [true]\n", "wifi.channels[0]: expected a whole number, got True"),
        ('[wifi]\ninterface = "wlan0/x"\n', "expected 1 to 15 of A-Z a-z 0-9 _ . - such as mon0"),
        ("[wifi]\nfar_dbm = -60\n", "wifi.far_dbm: expected less than near_dbm (-65), got -60"),
        ("[wifi]\nnear_dbm = 3\n", "wifi.near_dbm: expected at most -10, got 3"),
        (DOOR + 'loop = "on"\n', "camera[0].loop: expected true or false, got 'on'"),
        (DOOR.replace('"rtsp://192.0.2.10/stream"', '"²"'), ""),
        ("[hours]\n", "hours: expected at least one day"),
        ('[uplink]\nbroker = "mqtts://h:99999"\n', "expected mqtts://HOST:PORT"),
        ('[uplink]\nbroker = "mqtts://h"\ncert = "a.pem"\n', "expected key beside it, got none"),
    ],
)
def test_a_value_of_the_wrong_kind_is_a_fault(tmp_path: Path, text: str, expected: str) -> None:
    if not expected:
        assert config(tmp_path, STORE + BOX + text).camera[0].address(tmp_path).endswith("/²")
        return
    assert expected in faults(tmp_path, STORE + BOX + text)[0]


def test_an_empty_declaration_declares_nothing(tmp_path: Path) -> None:
    text = EVERYTHING.replace('"CN"', '""').replace("expires = 2027-11-01", 'expires = "soon"')
    assert [line.split(": ")[1] for line in faults(tmp_path, text)] == [
        "declaration.jurisdiction",
        "declaration.expires",
    ]


def test_a_dotted_key_has_a_line_too(tmp_path: Path) -> None:
    text = STORE.replace('[store]\nid = "nj-001"\nname', 'store.id = "nj 1"\nstore.name')
    text = text.replace("timezone", "store.timezone") + BOX
    assert faults(tmp_path, text) == [
        "edge.toml:1: store.id: expected 1 to 64 of A-Z a-z 0-9 _ . - such as nj-001, got 'nj 1'"
    ]


def test_a_night_may_not_run_into_the_next_opening(tmp_path: Path) -> None:
    text = STORE + BOX + '[hours]\nmon = ["18:00", "03:00"]\ntue = ["02:00", "22:00"]\n'
    assert "expected to close before tue opens at 02:00, got 03:00" in faults(tmp_path, text)[0]


@pytest.mark.parametrize(
    ("text", "length"),
    [("90s", 90), ("10min", 600), ("3h", 10800), ("30d", 2592000)],
)
def test_a_duration_is_read(tmp_path: Path, text: str, length: int) -> None:
    found = config(tmp_path, STORE + BOX + f'[dedup]\nwindow = "{text}"\n')
    assert found.dedup.window == timedelta(seconds=length)


@pytest.mark.parametrize("text", ["3 hours", "0s", "31d", "-1h", "3", ""])
def test_a_duration_that_is_none_is_a_fault(tmp_path: Path, text: str) -> None:
    found = faults(tmp_path, STORE + BOX + f'[dedup]\nwindow = "{text}"\n')
    assert "expected a duration" in found[0]


@pytest.mark.parametrize(
    ("text", "size"), [("64MB", 64_000_000), ("500 MB", 500_000_000), ("2GB", 2_000_000_000)]
)
def test_the_stores_limit_is_a_size(tmp_path: Path, text: str, size: int) -> None:
    assert config(tmp_path, STORE + BOX + f'store_limit = "{text}"\n').box.store_limit == size


def test_a_store_has_a_limit_that_nobody_set(tmp_path: Path) -> None:
    assert config(tmp_path, STORE + BOX).box.store_limit == 2_000_000_000


@pytest.mark.parametrize("value", ['"63MB"', '"2 TB"', '"1.5GB"', '"-1GB"', "2000000000", '""'])
def test_a_limit_too_small_to_work_in_or_no_size_is_a_fault(tmp_path: Path, value: str) -> None:
    found = faults(tmp_path, STORE + BOX + f"store_limit = {value}\n")
    assert "expected a size such as 500MB or 2GB (64MB at least)" in found[0]


def test_how_faces_are_recognised_can_be_set(tmp_path: Path) -> None:
    usual = config(tmp_path, STORE + BOX).faces
    assert (usual.precision, usual.fpir, usual.gallery) == ("auto", 0.01, 20_000)
    text = STORE + BOX + '[faces]\nprecision = "fp32"\nfpir = 0.001\ngallery = 100\n'
    strict = config(tmp_path, text).faces
    assert (strict.precision, strict.fpir, strict.gallery) == ("fp32", 0.001, 100)


@pytest.mark.parametrize("value", ["99", "1000001", "20000.0", "true", '"20000"'])
def test_a_gallery_of_nobody_or_of_a_country_is_a_fault(tmp_path: Path, value: str) -> None:
    (fault,) = faults(tmp_path, STORE + BOX + f"[faces]\ngallery = {value}\n")
    assert "faces.gallery" in fault


@pytest.mark.parametrize("value", ["0", "0.0009", "0.11", "1", "true", '"0.01"', "nan"])
def test_a_rate_that_means_nothing_is_a_fault(tmp_path: Path, value: str) -> None:
    (fault,) = faults(tmp_path, STORE + BOX + f"[faces]\nfpir = {value}\n")
    assert "faces.fpir: expected a rate from 0.001 to 0.1" in fault


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("Example Jewellery Co.", "Example Jewellery Co."),
        ("  示例\\t珠宝\\n有限公司 ", "示例 珠宝 有限公司"),
        ("x" * 90, "x" * 80),
        (" ", None),
    ],
)
def test_of_who_answers_for_faces_head_office_is_told_one_short_line(
    tmp_path: Path, written: str, told: str | None
) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(EVERYTHING.replace("Example Jewellery Co.", written), encoding="utf-8")
    declaration = load(file).declaration
    assert declaration is not None
    assert declaration.answering == told
