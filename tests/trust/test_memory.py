"""The memory of a long corpus run stays flat, the client's and that of its sessions."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import psutil
import pytest

from trust.ledger import LEDGER
from trust.world import World, end_of

N_TOKENS = 100_000
MB = 1 << 20
OPENINGS = ("On the {n}th day the king", "The {n}th wolf", "Once upon a time {n} foxes")
TALE = "{opening} went into the wood, and there he met a little old woman who asked him for bread."


def anonymous(pid: int) -> int:
    """Bytes of memory that are a process's own: neither files nor what it shares."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


@pytest.mark.trust
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says it in /proc")
def test_the_memory_of_a_long_corpus_stays_flat(world: World, tmp_path: Path) -> None:
    if world.command("load", "demo", "--if-missing").status:
        raise AssertionError
    texts = [TALE.format(opening=OPENINGS[n % 3].format(n=n)) for n in range(4200)]
    file = tmp_path / "tales.txt"
    file.write_text("\n".join(texts), "utf-8")
    command = world.begin("run", "--file", str(file), "--each", "line", "--model", "demo")
    samples: list[tuple[float, int, int]] = []
    began = time.monotonic()
    with world.connect() as session:
        # After new statistics a session plans anew, once, and malloc keeps some megabytes of that.
        # It is no growth, but it comes at any time.
        session.execute("ALTER SYSTEM SET autovacuum = off")
        session.execute("SELECT pg_reload_conf()")
        while command.poll() is None:
            time.sleep(0.5)
            try:
                backends = [anonymous(p.pid) for p in world.working(session) if not p.is_worker]
                client = anonymous(command.pid)
            except (OSError, IndexError, psutil.Error):
                continue
            if len(backends) == 2:  # both jobs are at work
                samples.append((time.monotonic() - began, client, max(backends)))
        ended = end_of(command)
        session.execute("ALTER SYSTEM RESET autovacuum")
        session.execute("SELECT pg_reload_conf()")
        assert ended.status == 0, ended
        row = session.execute("SELECT sum(cardinality(token_ids)) FROM lm.run").fetchone()
    assert row is not None
    assert row[0] >= N_TOKENS
    assert len(samples) > 40
    quarter = len(samples) // 4
    early = [median(column) for column in zip(*samples[quarter : 2 * quarter], strict=True)]
    late = [median(column) for column in zip(*samples[-quarter:], strict=True)]
    for name, place in (("client", 1), ("backend", 2)):
        LEDGER.told.append(
            f"{name} over {row[0]:,} tokens in {samples[-1][0]:.0f} s: "
            f"{early[place] / MB:.1f} MB in the second quarter, "
            f"{late[place] / MB:.1f} in the last, "
            f"most {max(sample[place] for sample in samples) / MB:.1f} MB"
        )
    assert late[1] - early[1] < MB
    assert late[2] - early[2] < MB
