"""Which precision the embedder runs in on this machine. Called by app and commands.

int8 is the faster one where the processor multiplies bytes in fours and adds up to 32 bits. An x86
processor without these instructions does worse: it adds pairs in 16 bits, which overflow, and the
descriptors are wrong. An ARM one without them gains little (docs/adr/0016).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

Precision = Literal["fp32", "int8"]
Wanted = Literal["auto", "fp32", "int8"]

CPUINFO: Final = Path("/proc/cpuinfo")
# Linux' names of them: x86 (AVX512-VNNI, AVX-VNNI), aarch64 (Armv8.2 dot product).
FAST_INT8: Final = frozenset({"avx512_vnni", "avx_vnni", "asimddp"})


def chosen(wanted: Wanted, cpuinfo: Path = CPUINFO) -> Precision:
    """What `wanted` means on this machine; `auto` is int8 where it is the faster one."""
    if wanted != "auto":
        return wanted
    return "int8" if FAST_INT8 & _features(cpuinfo) else "fp32"


def _features(cpuinfo: Path) -> set[str]:
    """What all the processor's cores can do; nothing where that cannot be read."""
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return set()
    cores = [
        set(value.split())
        for name, _, value in (line.partition(":") for line in lines)
        if name.strip() in ("flags", "Features")
    ]
    return set.intersection(*cores) if cores else set()
