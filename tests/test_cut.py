"""Where a batch is cut, and among how many processes it is shared."""

from __future__ import annotations

import psycopg
import pytest
from parts import cut


@pytest.mark.parametrize(
    ("sequence", "n_before"),
    [
        ([0], None),
        ([0, 0, 0], None),
        ([0, 0, 1, 1, 2, 2], None),
        ([0] * 80 + [1] * 80, [0, 80]),
        # two times as much in one part as in the other
        ([0] * 70 + [1] * 70 + [2] * 70, [0, 140]),
        ([3] * 70 + [5] * 90 + [8] * 20, [0, 70]),
        # what the other process would be spared is less than what it costs
        ([0] * 160 + [1] * 5, None),
        ([0] * 5 + [1] * 160, None),
    ],
)
def test_short_sequences_are_not_cut(
    dsn: str, sequence: list[int], n_before: list[int] | None
) -> None:
    with psycopg.connect(dsn) as connection:
        found = cut(connection, sequence)
    assert found == (None if n_before is None else ("apart", n_before))


def test_sequences_are_shared_among_all_processes(dsn: str) -> None:
    sequence = [number for number in range(8) for _ in range(60)]
    with psycopg.connect(dsn) as connection:
        for n_processes, n_before in {
            2: [0, 240],
            3: [0, 180, 300],
            4: [0, 120, 240, 360],
            16: list(range(0, 480, 60)),
        }.items():
            assert cut(connection, sequence, n_processes) == ("apart", n_before)


LONG = 420


@pytest.mark.parametrize(
    ("sequence", "rows", "manner"),
    [
        # its last positions have more keys to look at
        ([0] * LONG, range(211, 270), "in step"),
        ([0] * LONG + [1] * LONG, range(LONG, LONG + 1), "apart"),
        ([0] * LONG + [1] * 5, range(211, 270), "in step"),
    ],
)
def test_a_long_sequence_is_cut_where_both_halves_take_the_same_time(
    dsn: str, sequence: list[int], rows: range, manner: str
) -> None:
    with psycopg.connect(dsn) as connection:
        found = cut(connection, sequence)
        assert found is not None
        assert found[0] == manner
        assert found[1][0] == 0 and found[1][1] in rows and len(found[1]) == 2
        # without a second process there is nothing to cut for
        assert cut(connection, sequence, 0) is None


def test_slices_take_the_same_time(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        found = cut(connection, [0] * LONG, 5)
        assert found is not None
        manner, n_before = found
        assert manner == "slices" and len(n_before) == 5
        work = connection.execute(
            "SELECT lm_internal.work_of_rows(lm.model_id(NULL), %s)", [list(range(LONG))]
        ).fetchone()[0]
    # so that the same digits come out
    assert all(row % 8 == 0 for row in n_before)
    shares = [
        sum(work[first:last]) for first, last in zip(n_before, [*n_before[1:], LONG], strict=True)
    ]
    # within eight rows
    assert max(shares) - min(shares) <= 8 * max(work)


def test_with_huge_pages_less_work_is_cut(scratch_dsn: str) -> None:
    """Huge pages are the machine's, so the test says whether there are any."""
    with psycopg.connect(scratch_dsn) as connection:
        found = {}
        for huge in ("true", "false"):
            connection.execute(
                "CREATE OR REPLACE FUNCTION lm_internal.has_huge_pages() RETURNS boolean"
                f" LANGUAGE sql STABLE PARALLEL SAFE RETURN {huge}"
            )
            found[huge] = cut(connection, [0] * 40 + [1] * 40)
        connection.rollback()
    assert found == {"true": ("apart", [0, 40]), "false": None}
