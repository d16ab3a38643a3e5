"""What puts an adapter into monitor mode at boot, with stand-ins for `iw` and `ip`."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODES = (
    "Wiphy phy1",
    "\tSupported interface modes:",
    "\t\t * managed",
    "{monitor}\t\t * AP",
    "\tBand 1:",
    "\t\t * monitor, which is no mode in this place",
)


class Machine:
    """A machine with one Wi-Fi interface, and programs that note how they are called."""

    def __init__(self, folder: Path, *, monitor: bool) -> None:
        self.folder = folder
        bin_ = folder / "bin"
        bin_.mkdir()
        phy = folder / "sys/class/net/mon0/phy80211"
        phy.mkdir(parents=True)
        (phy / "name").write_text("phy1\n")
        modes = "\n".join(MODES).format(monitor="\t\t * monitor\n" if monitor else "")
        (folder / "modes").write_text(modes)
        for name in ("iw", "ip", "rfkill"):
            program = bin_ / name
            program.write_text(
                f'#!/bin/sh\necho {name} "$@" >> {folder}/calls\n'
                f'[ "$1" != phy ] || cat {folder}/modes\n'
            )
            program.chmod(0o700)

    def run(self, interface: str) -> subprocess.CompletedProcess[str]:
        """Run what the service runs."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            [ROOT / "firmware_config/monitor/menkou-monitor", interface],
            env={"PATH": path, "SYS": str(self.folder / "sys")},
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


def test_an_adapter_that_can_is_put_into_monitor_mode_and_up(tmp_path: Path) -> None:
    machine = Machine(tmp_path, monitor=True)
    done = machine.run("mon0")
    assert done.returncode == 0, done.stderr
    assert [call for call in machine.calls if not call.startswith("rfkill")] == [
        "iw phy phy1 info",
        "ip link set dev mon0 down",
        "iw dev mon0 set type monitor",
        "ip link set dev mon0 up",
    ]


def test_a_radio_that_cannot_is_left_alone_and_the_way_out_is_named(tmp_path: Path) -> None:
    machine = Machine(tmp_path, monitor=False)
    done = machine.run("mon0")
    assert done.returncode == 1
    assert "plug in a USB adapter with mt76" in done.stderr
    assert machine.calls == ["iw phy phy1 info"]


@pytest.mark.parametrize("interface", ["mon1", "eth0"])
def test_another_interface_is_refused(tmp_path: Path, interface: str) -> None:
    machine = Machine(tmp_path, monitor=True)
    (tmp_path / "sys/class/net/eth0").mkdir()
    done = machine.run(interface)
    assert done.returncode == 1
    assert f"{interface}: expected a Wi-Fi interface" in done.stderr
