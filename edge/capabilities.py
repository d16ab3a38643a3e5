"""Which rights of root a process has: none but the ones it is named (capabilities(7)).

The radio listens with CAP_NET_RAW, and sets channels with CAP_NET_ADMIN; the supervisor is given
both by systemd only to hand them on, and no other part may have them. Called by the supervisor and
by the radio.
"""

import ctypes
import logging
import os
from collections.abc import Collection
from typing import Final

log = logging.getLogger(__name__)

DAC_OVERRIDE: Final = 1
NET_ADMIN: Final = 12  # linux/include/uapi/linux/capability.h
NET_RAW: Final = 13
RADIO: Final = (NET_RAW, NET_ADMIN)
_VERSION_3: Final = 0x20080522
_PR_SET_NO_NEW_PRIVS: Final = 38  # linux/include/uapi/linux/prctl.h
_PR_CAPBSET_DROP: Final = 24
_PR_CAP_AMBIENT, _RAISE, _CLEAR_ALL = 47, 2, 4

_libc = ctypes.CDLL(None, use_errno=True)


def held() -> frozenset[int]:
    """Return the numbers of the capabilities that this process may use or take up."""
    header, data = (ctypes.c_uint32 * 2)(_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    _checked(_libc.capget(header, data))
    bits = data[1] | data[4] << 32  # effective, permitted, inheritable; then the upper halves
    return frozenset(number for number in range(64) if bits >> number & 1)


def keep_only(wanted: Collection[int]) -> None:
    """Give up every capability for good, in all programs run from here too, except `wanted`.

    Those of `wanted` that the process has stay, and go on to a program that it runs. Raises OSError
    where the kernel refuses, which it does to nobody who gives up.
    """
    kept = held() & frozenset(wanted)
    for number in range(64):
        if number not in kept:  # refused to those who never had CAP_SETPCAP: then they have none
            _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    _libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    _set(effective=kept, permitted=kept, inheritable=kept)
    for number in kept:
        _checked(_libc.prctl(_PR_CAP_AMBIENT, _RAISE, number, 0, 0))
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def withhold() -> None:
    """Keep a child that is about to run its program from having what only the radio may have.

    For `preexec_fn`, between fork and exec: it must not log, nor allocate much.
    """
    for number in RADIO:
        _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # of use where root runs the box
    _libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)


def lay_aside() -> None:
    """Use no capability oneself, and still hand on those that one has: the supervisor's lot."""
    if os.geteuid() == 0:
        return  # root runs the box by hand, and needs its rights to do so
    mine = held()
    _set(effective=(), permitted=mine, inheritable=mine)


def _set(
    *, effective: Collection[int], permitted: Collection[int], inheritable: Collection[int]
) -> None:
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    for column, numbers in enumerate((effective, permitted, inheritable)):
        for number in numbers:
            data[3 * (number // 32) + column] |= 1 << number % 32
    _checked(_libc.capset(header, data))


def _checked(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"capabilities: {os.strerror(code)}")
