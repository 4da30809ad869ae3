"""Settings of the embedded server, from the memory of the machine."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

MB = 1024 * 1024


def machine_memory() -> int:
    """Bytes of memory this process may use: the machine's, or the container's where it is less."""
    total: int = psutil.virtual_memory().total
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            total = min(total, int(Path(limit).read_text()))
    return total


def settings(memory: int) -> dict[str, str]:
    """Server settings fit for a model on a machine with so many bytes of memory.

    A model is read whole for every token, so it should fit shared_buffers; the rest of the
    memory serves as the system's own cache. Nothing replicates from here, hence the minimal log,
    which also spares a load its write-ahead log.
    """

    def share(part: int, least: int, most: int) -> str:
        return f"{max(min(memory // part, most * MB), min(least * MB, memory // 2)) // MB}MB"

    return {
        "shared_buffers": share(4, 512, 8192),
        "effective_cache_size": share(2, 512, 1 << 20),
        "work_mem": share(64, 64, 256),
        "maintenance_work_mem": share(16, 64, 1024),
        "huge_pages": "try",
        "jit": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "4GB",
        "synchronous_commit": "off",
        "checkpoint_timeout": "15min",
        "log_checkpoints": "off",
        "log_min_error_statement": "panic",
        "listen_addresses": "",
    }
