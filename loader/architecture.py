"""What a model is: the numbers of lm.model, and what differs from layer to layer."""

from __future__ import annotations

from dataclasses import dataclass

from .rotary import Rotary


@dataclass(frozen=True)
class Architecture:
    """A model's sizes and choices, named as the columns of lm.model; and more, below."""

    family: str
    n_layer: int
    n_head: int
    n_kv_head: int
    d_head: int
    d_model: int
    d_mlp: int
    n_ctx: int
    n_vocab: int
    norm_is_centred: bool
    layer_norm_eps: float
    parallel_attn_mlp: bool
    gated_mlp: bool
    activation: str
    attn_scaling: float
    attn_logit_softcapping: float | None
    final_logit_softcapping: float | None
    embed_scale: float
    end_of_text: int | None

    tied: bool
    """Whether the unembedding is the token embedding."""
    biases: dict[str, bool]
    """Whether a linear map has biases, by the name of its tensor."""
    rotaries: tuple[Rotary, ...]
    """The sets of rotary frequencies."""
    rotary_of_layer: tuple[int | None, ...]
    """Which of them a layer uses; None: it does not rotate."""
    window_of_layer: tuple[int | None, ...]
    """How many positions a query sees in a layer; None: all."""

    @property
    def d_q(self) -> int:
        """Width of all heads' queries, end to end."""
        return self.n_head * self.d_head

    @property
    def d_kv(self) -> int:
        """Width of all heads' keys, or values."""
        return self.n_kv_head * self.d_head

    @property
    def columns(self) -> dict[str, object]:
        """What goes into lm.model."""
        return {
            name: value
            for name, value in vars(self).items()
            if name not in ("tied", "biases", "rotaries", "rotary_of_layer", "window_of_layer")
        }
