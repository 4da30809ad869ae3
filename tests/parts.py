"""A pass in parts, however short it is."""

from __future__ import annotations

CUT = """
    CREATE OR REPLACE FUNCTION lm_internal.cut(
        model_id int, sequence int[], "position" int[], parent int[] DEFAULT NULL
    )
    RETURNS TABLE (manner text, n_before int[])
    LANGUAGE sql
    STABLE
    ROWS 1
    BEGIN ATOMIC
        SELECT '{manner}', ARRAY{n_before};
    END
"""
"""To be rolled back: the manner, and how many rows lie before each part."""

IN_SLICES = CUT.format(manner="slices", n_before=[0, 16, 32])
IN_STEP = CUT.format(manner="in step", n_before=[0, 24])
