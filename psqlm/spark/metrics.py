"""How far a job is, as metrics of the driver: what collects Spark's own collects these as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from pyspark import SparkContext

COUNTED = ("psqlm.tokens", "psqlm.texts", "psqlm.texts_left_out")

RATE = "psqlm.tokens_per_second"


class Metrics:
    """Gauges of a driver: what the job that runs, or ran last, has committed.

    They are accumulators of the driver alone. Tasks do not add to them: what twins and attempts
    that fail do would count, too.
    """

    def __init__(self, context: SparkContext) -> None:
        """Register them with Spark, which takes each name once."""
        scala: Any = context._jsc.sc()
        jvm: Any = context._jvm
        counted = {name: scala.longAccumulator(name) for name in COUNTED}
        rate = {RATE: scala.doubleAccumulator(RATE)}
        sources = jvm.org.apache.spark.metrics.source
        for kind, named in (("Long", counted), ("Double", rate)):
            source = getattr(getattr(sources, f"{kind}AccumulatorSource$"), "MODULE$")
            source.register(scala, jvm.PythonUtils.toScalaMap(named))
        self._accumulators = counted | rate

    def tell(self, n_tokens: int, n_texts: int, n_left_out: int, seconds: float) -> None:
        """Say what the job has committed by now.

        Args:
            n_tokens: tokens of the texts that were run.
            n_texts: those texts.
            n_left_out: texts that were not run.
            seconds: since the first wave began.
        """
        rate = n_tokens / seconds if seconds else 0.0
        said = dict(zip((*COUNTED, RATE), (n_tokens, n_texts, n_left_out, rate), strict=True))
        for name, accumulator in self._accumulators.items():
            # a difference in one step: whoever reads meanwhile sees no zero in between
            accumulator.add(said[name] - accumulator.value())


_of: WeakKeyDictionary[SparkContext, Metrics] = WeakKeyDictionary()


def metrics(context: SparkContext) -> Metrics:
    """The metrics of a driver, which are registered once."""
    if context not in _of:
        _of[context] = Metrics(context)
    return _of[context]
