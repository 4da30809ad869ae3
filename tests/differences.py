"""Comparison with a reference: asserts, and keeps the largest difference for the summary."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SEEN: list[str] = []


def assert_close(
    what: str,
    ours: npt.ArrayLike,
    theirs: npt.ArrayLike,
    *,
    absolute: float | None = None,
    relative: float | None = None,
) -> None:
    """Assert that ours equals theirs.

    Args:
        what: what is compared; names the line in the summary.
        ours: our values.
        theirs: the reference's, of the same shape.
        absolute: largest difference allowed.
        relative: largest norm of the difference allowed, by the norm of theirs; the norms are
            taken over the last axis.
    """
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert a.shape == b.shape, f"{what}: shape {a.shape}, reference {b.shape}"
    largest = float(np.abs(a - b).max())
    ratio = float(
        (np.linalg.norm(a - b, axis=-1) / np.maximum(np.linalg.norm(b, axis=-1), 1e-30)).max()
    )
    SEEN.append(f"{what:<52} largest difference {largest:8.1e}, relative {ratio:8.1e}")
    if absolute is not None:
        assert largest <= absolute, SEEN[-1]
    if relative is not None:
        assert ratio <= relative, SEEN[-1]
