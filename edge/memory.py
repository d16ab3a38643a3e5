"""Memory for what must never reach a disk: keys, and the faces of people who are not members.

An anonymous file that lives in RAM only. Whoever inherits its descriptor shares the same bytes, so
they outlive a process that is killed or replaces itself. Used by `edge.keys.handover`,
`edge.faces.strangers` and the radio; calls the kernel and nothing else.

    memfd_secret(2)                    no swap, no dump, no /proc/PID/mem, not in the kernel's map
    else memfd_create(2) + mlock(2)    no dump, and no swap while somebody has it mapped

No buffer of it may be handed to OpenCV, dlib or onnxruntime: they keep copies of what they are
given. The kernel cannot read it either: a system call on such a buffer fails with EFAULT.
"""

import ctypes
import errno
import fcntl
import mmap
import os
from pathlib import Path
from typing import Final

from menkou.errors import MenkouFault

_MEMFD_SECRET: Final = 447
"""The same number on x86_64 (linux/arch/x86/entry/syscalls/syscall_64.tbl) and aarch64
(linux/include/uapi/asm-generic/unistd.h). 32-bit arm reserves it and answers ENOSYS
(linux/arch/arm/tools/syscall.tbl): there, the second way is taken."""

STRANGERS_BYTES: Final = 3 * 1024 * 1024
"""Room for some 5,000 people (`edge.faces.strangers`): more than a shop sees within any window."""

_libc = ctypes.CDLL(None, use_errno=True)


class MemoryFault(MenkouFault):
    """No memory can be had that stays off the swap."""


def reserve(size: int) -> int:
    """Make such memory of `size` bytes, all zeros, and return its descriptor.

    Children have it only where it is passed to them.
    """
    # Its C type is long: an int argument would leave half a register undefined.
    fd: int = _libc.syscall(ctypes.c_long(_MEMFD_SECRET), ctypes.c_long(os.O_CLOEXEC))
    if fd < 0:  # no such call in this kernel, or switched off (secretmem.enable=0)
        fd = os.memfd_create("menkou")
    os.ftruncate(fd, size)
    return fd


def fill_randomly(view: memoryview) -> None:
    """Overwrite such memory with random bytes, of which no copy is left elsewhere."""
    os.getrandom(1)  # waits until the kernel has enough to draw from, early at boot
    drawn = bytearray(len(view))  # the kernel cannot write into secret memory
    with Path("/dev/urandom").open("rb", buffering=0) as source:
        source.readinto(drawn)
    view[:] = drawn
    drawn[:] = bytes(len(drawn))


def _is_secret(fd: int) -> bool:
    """Say whether a descriptor is of `memfd_secret`: nobody can open such a file a second time."""
    try:
        os.close(os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as exc:
        return exc.errno == errno.ENXIO
    return False


class SecretMemory:
    """A mapped piece of memory that is neither swapped nor dumped.

    Args:
        fd: the descriptor of such memory, from `reserve`; it now belongs to this object.

    Raises:
        MemoryFault: it cannot be mapped or locked.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.size = os.fstat(fd).st_size
        self.secret = _is_secret(fd)
        """Whether it stays off the swap even while nobody has it mapped."""
        try:
            if not self.secret:
                fcntl.fcntl(fd, fcntl.F_GET_SEALS)  # EINVAL: a file on a disk
            self._map = mmap.mmap(fd, self.size)
        except (OSError, ValueError) as exc:  # ValueError: an empty file
            raise MemoryFault(
                f"secret memory: expected locked memory behind descriptor {fd}, got {exc};"
                " raise the limit of locked memory (LimitMEMLOCK= of the service, ulimit -l)"
            ) from exc
        self._map.madvise(mmap.MADV_DONTDUMP)
        if not self.secret:  # the kernel locks the other kind by itself
            self._lock()

    def _lock(self) -> None:
        window = ctypes.c_char.from_buffer(self._map)
        code = _libc.mlock(ctypes.byref(window), ctypes.c_size_t(self.size))
        problem = ctypes.get_errno()
        del window  # as long as it lives, the map cannot be closed
        if code != 0:
            self._map.close()
            raise MemoryFault(
                f"secret memory: {self.size} bytes cannot be locked ({os.strerror(problem)});"
                " raise the limit of locked memory (LimitMEMLOCK= of the service, ulimit -l)"
            )

    @property
    def view(self) -> memoryview:
        """The bytes, writable; `close` fails as long as a view or an array over it lives."""
        return memoryview(self._map)

    def wipe(self) -> None:
        """Overwrite all of it with zeros, for everybody who shares it."""
        self._map[:] = bytes(self.size)

    def close(self) -> None:
        """Let go of it; when nobody holds a descriptor any more, the kernel clears and frees it."""
        self._map.close()
        os.close(self.fd)
