"""What is said of a family of models, and what many families have in common.

A family says what its config.json calls things, which options change the numbers and how they must
stand, and which tensor becomes which rows. Names are those of Hugging Face's configurations and
checkpoints; sites are those of lm.site.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Layout = Literal["rows", "columns", "heads"]
Option = dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Linear:
    """A linear map of a layer, of one site or of several whose units lie in one tensor.

    Attributes:
        tensor: its name within a layer.
        sites: what it makes.
        inputs: the size of what it reads, a field of `Architecture`.
        outputs: the number of units of each site, in the order of `sites`.
        layout: how the units lie: rows, [units, inputs], site after site; columns, the same
            transposed (`Conv1D`); heads, rows again, but the sites take turns head by head.
        bias: whether there are biases, or the option of config.json that says so.
    """

    tensor: str
    sites: tuple[str, ...]
    inputs: str
    outputs: tuple[str, ...]
    layout: Layout = "rows"
    bias: bool | str = True


@dataclass(frozen=True)
class Family:
    """How a family's configuration and checkpoint read.

    Attributes:
        layer: what the names of a layer's tensors begin with, its number to be filled in.
        token_embedding: the tensor.
        final_norm: the tensor, without `.weight`.
        linears: the linear maps of a layer, in the order of lm.site.
        norms: a layer's norms, tensor to the name in lm.layer_norm.
        sizes: keys of config.json where they are not the usual ones.
        defaults: what transformers takes where config.json is silent.
        required: options that change the numbers, and the values that the SQL computes.
        position_embedding: the tensor, if positions are learned, and how many of its first rows
            belong to no position.
        unembedding: the tensor; one with a bias has it beside it.
        prefixes: what names may begin with besides.
        norm_is_centred: LayerNorm or RMSNorm.
        norm_bias: whether norms have a bias.
        norm_offset: what is added to the gains that are stored.
        parallel: whether the MLP reads what attention reads, or the option that says so.
        copied_norms: norms that are another one once more.
        rotates: whether queries and keys are rotated.
        embed_scale: whether token embeddings are multiplied by √d_model.
        attn_scaling: what scores are multiplied by, where it does not follow from the head's width.
        activations: names of activations that mean another one here.
        window: the option that says how many positions a query sees in layers with a window.
        layers_have_windows: whether all layers have one where config.json does not say which.
        heads_normed_together: whether q_norm and k_norm are of all heads together.
        local_theta: the option with the rotary base of layers with a window, if it is another.
    """

    layer: str
    token_embedding: str
    final_norm: str
    linears: tuple[Linear, ...]
    norms: dict[str, str]
    sizes: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    required: Option = field(default_factory=dict)
    position_embedding: tuple[str, int] | None = None
    unembedding: str = "lm_head"
    unembedding_bias: bool = False
    prefixes: tuple[str, ...] = ("model.",)
    norm_is_centred: bool = False
    norm_bias: bool = False
    norm_offset: float = 0.0
    parallel: bool | str = False
    copied_norms: dict[str, str] = field(default_factory=dict)
    rotates: bool = True
    embed_scale: bool = False
    attn_scaling: float | None = None
    activations: dict[str, str] = field(default_factory=dict)
    window: str = "sliding_window"
    layers_have_windows: bool = False
    heads_normed_together: bool = False
    local_theta: str | None = None


COMMON_SIZES = {
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_kv_head": "num_key_value_heads",
    "d_head": "head_dim",
    "d_model": "hidden_size",
    "d_mlp": "intermediate_size",
    "n_ctx": "max_position_embeddings",
    "n_vocab": "vocab_size",
    "layer_norm_eps": "rms_norm_eps",
    "activation": "hidden_act",
}

# What every family has, and psqlm does not compute.
COMMON_REQUIRED: Option = {
    "quantization_config": (None,),
    "clip_qkv": (None,),
    "add_cross_attention": (False,),
    "is_encoder_decoder": (False,),
    "use_bidirectional_attention": (None, False),
}


def attention(
    q: str, k: str, v: str, out: str, bias: bool | str = False, out_bias: bool | str | None = None
) -> tuple[Linear, ...]:
    """Four maps of their own."""
    out_bias = bias if out_bias is None else out_bias
    return (
        Linear(q, ("q",), "d_model", ("d_q",), bias=bias),
        Linear(k, ("k",), "d_model", ("d_kv",), bias=bias),
        Linear(v, ("v",), "d_model", ("d_kv",), bias=bias),
        Linear(
            out, ("attn_out",), "d_q", ("d_model",), bias=bias if out_bias is None else out_bias
        ),
    )


def plain_mlp(up: str, down: str, bias: bool | str = True) -> tuple[Linear, ...]:
    """An MLP without a gate."""
    return (
        Linear(up, ("mlp_pre",), "d_model", ("d_mlp",), bias=bias),
        Linear(down, ("mlp_out",), "d_mlp", ("d_model",), bias=bias),
    )


def gated_mlp(bias: bool | str = False) -> tuple[Linear, ...]:
    """An MLP with a gate, as Llama names its parts."""
    return (
        Linear("mlp.gate_proj", ("mlp_pre",), "d_model", ("d_mlp",), bias=bias),
        Linear("mlp.up_proj", ("mlp_pre_linear",), "d_model", ("d_mlp",), bias=bias),
        Linear("mlp.down_proj", ("mlp_out",), "d_mlp", ("d_model",), bias=bias),
    )


SELF_ATTENTION = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")
LLAMA_NORMS = {"input_layernorm": "ln1", "post_attention_layernorm": "ln2"}
QK_NORMS = {"self_attn.q_norm": "q_norm", "self_attn.k_norm": "k_norm"}
GEMMA2_NORMS = {
    "input_layernorm": "ln1",
    "post_attention_layernorm": "ln1_post",
    "pre_feedforward_layernorm": "ln2",
    "post_feedforward_layernorm": "ln2_post",
}


def llama_like(
    bias: bool | str = False,
    out_bias: bool | str | None = None,
    mlp_bias: bool | str = False,
    norms: dict[str, str] = LLAMA_NORMS,
    **differences: Any,
) -> Family:
    """A family whose checkpoints are named as Llama's are."""
    return Family(
        layer="layers.{}.",
        token_embedding="embed_tokens.weight",  # noqa: S106 (no password)
        final_norm="norm",
        linears=(*attention(*SELF_ATTENTION, bias, out_bias), *gated_mlp(mlp_bias)),
        norms=norms,
        **differences,
    )


def gemma_like(norms: dict[str, str], defaults: dict[str, Any], **differences: Any) -> Family:
    """A family whose gains are stored less 1 and whose embeddings are scaled."""
    return llama_like(
        bias="attention_bias",
        norms=norms,
        norm_offset=1.0,
        embed_scale=True,
        defaults={
            "head_dim": 256,
            "tie_word_embeddings": True,
            "rms_norm_eps": 1e-6,
            "attention_bias": False,
            **defaults,
        },
        **differences,
    )
