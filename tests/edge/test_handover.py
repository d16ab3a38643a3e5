"""Handing a root to a child process."""

import logging
import os
import secrets
import subprocess
import sys
from itertools import pairwise

import pytest

from edge.keys.errors import KeyFault, KeyGone
from edge.keys.handover import LOOK_EVERY_S, RETRY_S, Handover, KeySlot
from edge.keys.roots import Part

ROOT = secrets.token_bytes(32)


def test_a_slot_is_empty_until_the_root_is_put_in_and_after_it_is_taken_out() -> None:
    slot = KeySlot.create()
    assert slot.root() is None
    slot.put(ROOT)
    assert slot.root() == ROOT
    slot.clear()
    assert slot.root() is None
    slot.close()


def test_a_child_that_runs_already_sees_the_root_when_it_comes() -> None:
    slot = KeySlot.create()
    code = (
        "import sys, time\n"
        "from edge.keys.handover import KeySlot\n"
        "slot = KeySlot(int(sys.argv[1]))\n"
        "print(slot.root(), flush=True)\n"
        "sys.stdin.readline()\n"
        "print(slot.root().hex(), slot)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(slot.fd)],
        pass_fds=[slot.fd],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "None\n"
        slot.put(ROOT)
        said, _ = child.communicate("\n", timeout=30)
    assert said == f"{ROOT.hex()} KeySlot(fd={slot.fd})\n"
    slot.close()


def test_half_a_root_is_none() -> None:
    slot = KeySlot.create()
    slot.put(ROOT)
    slot._memory.view[7:8] = bytes([ROOT[7] ^ 1])
    assert slot.root() is None
    slot.close()


def test_a_root_of_another_length_is_refused_and_not_told() -> None:
    slot = KeySlot.create()
    with pytest.raises(KeyFault, match="expected 32 bytes, got 31") as caught:
        slot.put(ROOT[:31])
    assert ROOT[:31].hex() not in str(caught.value)
    assert slot.root() is None
    slot.close()


class Vault:
    """Where the roots live in these tests."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self.asked: list[Part] = []
        self.needed: list[Part] = []
        self.slots: dict[Part, KeySlot] = {
            "profile": KeySlot.create(),
            "template": KeySlot.create(),
        }
        self.handover = Handover(slots=self.slots, root=self.root, needed=lambda: list(self.needed))

    def root(self, part: Part) -> bytes:
        self.asked.append(part)
        if self.fault:
            raise KeyGone(self.fault)
        return ROOT


def test_only_what_is_needed_is_asked_for_and_only_once() -> None:
    vault = Vault()
    for second in range(3):
        vault.handover.look(second)
    assert vault.asked == []
    vault.needed = ["profile"]
    for second in range(3, 6):
        vault.handover.look(second)
    assert vault.asked == ["profile"]
    assert vault.slots["profile"].root() == ROOT
    assert vault.slots["template"].root() is None


def test_a_key_that_nothing_needs_any_more_is_taken_out_and_comes_again_when_it_is() -> None:
    vault = Vault()
    vault.needed = ["profile", "template"]
    vault.handover.look(0.0)
    vault.needed = ["profile"]
    vault.handover.look(1.0)
    assert vault.slots["template"].root() is None
    assert vault.slots["profile"].root() == ROOT
    vault.needed = ["profile", "template"]
    vault.handover.look(2.0)
    assert vault.slots["template"].root() == ROOT


def test_a_key_that_is_gone_is_told_once_and_asked_for_ever_more_seldom(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    vault = Vault()
    vault.needed, vault.fault = ["template"], "the hub does not answer"
    times = list[float]()
    now = 0.0
    while now < sum(RETRY_S) + 2 * RETRY_S[-1]:
        asked = len(vault.asked)
        vault.handover.look(now)
        if len(vault.asked) > asked:
            times.append(now)
        now += LOOK_EVERY_S
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses == [*RETRY_S, RETRY_S[-1]]
    assert [r.getMessage() for r in caplog.records] == [
        "the template key is not there: the hub does not answer"
    ]
    vault.fault = None
    vault.handover.look(now + RETRY_S[-1])
    assert vault.slots["template"].root() == ROOT
    assert caplog.records[-1].getMessage() == "the template key is there"
    assert ROOT.hex() not in caplog.text


def test_the_slots_of_two_parts_are_two() -> None:
    vault = Vault()
    vault.needed = ["template"]
    vault.handover.look(0.0)
    inodes = {os.fstat(slot.fd).st_ino for slot in vault.slots.values()}
    assert len(inodes) == 2
    assert vault.slots["profile"].root() is None
