"""Wi-Fi from a recording to head office: each minute once, and nobody's address anywhere."""

from pathlib import Path

from tests.integration.conftest import Chain
from tests.support.air import addresses_of, forms_of, probe, write_pcap
from tests.support.processes import until

TEN = 1_795_226_400  # 2026-11-21, 10:00 in Shanghai
SSID = b"my secret home network"


def test_minutes_of_a_recording_reach_the_hub_once_beside_the_cameras_and_no_address_does(
    chain: Chain, tmp_path: Path
) -> None:
    frames = [
        (TEN + 20.0 * number, probe(f"06:5e:{number:02x}:7a:11:c3", ssid=SSID))
        for number in range(12)
    ]
    files = [
        write_pcap(tmp_path / "ch1.pcap", frames[::2]),
        write_pcap(tmp_path / "ch6.pcap", frames[1::2]),
    ]
    chain.broker.start()
    chain.hub.start()
    played = chain.box(
        *("replay", "--camera", f"door={chain.film}", "--publish", "60", "--json"),
        *("--probes", *map(str, files)),
    ).start()
    assert played.wait(60) == 0, played.log()
    question = "SELECT count(*), sum(probes), max(rev), sum(classes) FROM presence_minute"
    assert chain.figures("box/menkou.db", question) == (4, 12, 1, 4)
    assert chain.figures("hub/hub.db", question) == (4, 12, 1, 4)
    until(
        lambda: (
            chain.figures("hub/hub.db", "SELECT coalesce(max(minutes), 0) FROM presence_hourly")
            == (4,)
        )
    )
    assert chain.figures("hub/hub.db", "SELECT sum(visitors) FROM hourly") == (6,)
    chain.close()
    written = {
        path: path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and path not in files
    }
    assert any(b"presence_minute" in content for content in written.values())
    for address in addresses_of([frame for _, frame in frames]):
        for form in forms_of(address):
            found = [str(path) for path, content in written.items() if form in content]
            assert not found, "an address was written"
    assert not [path for path, content in written.items() if SSID in content]
