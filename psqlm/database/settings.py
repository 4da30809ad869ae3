"""Settings of the embedded server, from the machine's memory, cores and free disk space."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

MB = 1024 * 1024

KEPT = str(8 * MB)
ENVIRONMENT = {"MALLOC_TRIM_THRESHOLD_": KEPT, "MALLOC_MMAP_THRESHOLD_": KEPT}
"""What the C library of Linux keeps of the memory that a process frees, in bytes.

A layer makes large arrays and frees them; the next one takes as many. By default all of it goes
back to the system each time and has to be cleared again, a seventh of the time of a long prompt.
"""


def machine_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or the container's if less."""
    total: int = psutil.virtual_memory().total
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            total = min(total, int(Path(limit).read_text()))
    return total


def machine_cores() -> int:
    """Cores that this process may use: the machine's, or the container's if less."""
    total = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = total or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, max(int(quota) // int(period), 1))
    return cores


def settings(memory: int, disk: int, cores: int) -> dict[str, str]:
    """Server settings for a machine with this many bytes of memory and of free disk, and cores.

    A long prompt, several at once and the logits of many positions are shared among as many
    processes as max_parallel_workers_per_gather names, up to 16.

    Every token reads the whole model, so it should fit shared_buffers. The rest of the memory is
    left to the system's cache. Nothing replicates from this server, so its log is minimal, and
    loading a model writes none. Commits wait for the disk, which is PostgreSQL's default: what a
    command has printed survives a crash. This includes loads, where it is one wait for a model.
    """

    def share(whole: int, part: int, least: int, most: int) -> str:
        return f"{max(min(whole // part, most * MB), min(least * MB, whole // 2)) // MB}MB"

    workers = max(cores, 8)
    return {
        "max_parallel_workers_per_gather": str(min(cores, 16)),
        "max_parallel_workers": str(workers),
        "max_worker_processes": str(workers + 2),
        "shared_buffers": share(memory, 4, 512, 8192),
        "effective_cache_size": share(memory, 2, 512, 1 << 20),
        "work_mem": share(memory, 64, 64, 256),
        "maintenance_work_mem": share(memory, 16, 64, 1024),
        "huge_pages": "try",
        "jit": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        # The log is of use for a crash alone, and a corpus would fill it to this size: a smaller
        # one costs a checkpoint more often, which has the same pages to write. PostgreSQL wants
        # two segments of 16 MB at least.
        "max_wal_size": share(max(disk, 64 * MB), 32, 64, 128),
        "checkpoint_warning": "0",
        # for each process, and a query may use three
        "temp_file_limit": share(disk, 4, 0, 1 << 20),
        "checkpoint_timeout": "15min",
        # nobody waits for a query whose client was killed
        "client_connection_check_interval": "1s",
        "log_checkpoints": "off",
        "log_min_error_statement": "panic",
        "listen_addresses": "",
    }
