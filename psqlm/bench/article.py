"""The article's analysis without a database: hooks on transformers, then the same regression.

python -m psqlm.bench.article MODEL_FOLDER TEXT_FILE OUT_FOLDER
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def main(model_folder: Path, text_file: Path, out: Path) -> None:
    """Write coefficients.csv, summary.txt and the figures, as `psqlm analyze` does."""
    import torch

    from psqlm.analysis.comparison import collect, fit_series
    from psqlm.analysis.data import Run
    from psqlm.analysis.fitting import RECIPE
    from psqlm.analysis.report import write_report
    from psqlm.bench.theirs import n_cores
    from psqlm.loader.config import read_config
    from psqlm.verification.modules import attention_outputs

    transformers: Any = import_module("transformers")  # its types are incomplete
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(n_cores())
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    model.eval()
    text = text_file.read_text("utf-8")
    tokens = tokenizer(text)["input_ids"]
    norms: list[npt.NDArray[np.float32]] = []  # per layer, [position]
    for name in attention_outputs(read_config(model_folder / "config.json")):
        model.get_submodule(name).register_forward_hook(
            lambda _module, _input, adjustment: norms.append(adjustment[0].norm(dim=-1).numpy())
        )
    with torch.inference_mode():
        model.base_model(torch.tensor([tokens]), use_cache=False)

    log_norms = np.log(np.asarray(norms, dtype=np.float64))
    n_layer, n_tokens = log_norms.shape
    layer, position = np.indices(log_norms.shape).reshape(2, -1)
    seen = pd.DataFrame(
        {
            "layer": layer,
            "position": position,
            "token": [tokenizer.decode([tokens[place]]) for place in position],
            "norm": np.exp(log_norms).ravel(),
            "log_norm": log_norms.ravel(),
        }
    )
    seen["lag_1"] = seen.groupby("layer")["log_norm"].shift(1)
    seen["lag_2"] = seen.groupby("layer")["log_norm"].shift(2)

    run = Run(0, model_folder.name, n_layer, text, n_tokens)
    rows = seen.loc[
        seen["position"] >= 3, ["layer", "position", "log_norm", "lag_1", "lag_2"]
    ].assign(run_id=0)
    series = fit_series(run.model, rows, n_layer, RECIPE)
    write_report(collect([run.model], [series], RECIPE, run=run, norms=seen), out)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
