"""Train a demo model: a GPT-2 or a Llama of two million parameters that tells fairy tales.

    python demo/train.py train  --model llama --run RUN [--resume] [--minutes 78]
    python demo/train.py export --model llama --run RUN
    python demo/train.py sample --model llama --prompt "Once upon a time"

`train` reads the tales, makes a byte-level BPE tokenizer and fits the model; it keeps a checkpoint
in the folder RUN. `export` turns that into a Hugging Face folder in float16. Both models have the
same tokenizer and see the same windows of text; without `--model` it is the GPT-2.
"""

import csv
import json
import math
import re
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import typer
from safetensors.torch import save
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

HERE = Path(__file__).resolve().parent
TALES = HERE.parent.parent / "shared" / "corpus"
END = "<|endoftext|>"  # stands before every tale, so the model knows how one begins
VOCAB, CONTEXT, SEED = 4096, 512, 7
HELD_OUT = 0.025  # share of the tales never trained on

# Chapters of these are not tales of their own: each book is one text.
NOVELS = ("baum-", "carroll-", "collodi-", "grahame-", "macdonald-")

# What config.json says of each: as Hugging Face's gpt2 and Llama do, with our sizes.
SHARED: dict[str, Any] = {"vocab_size": VOCAB, "initializer_range": 0.02, "torch_dtype": "float16"}
SHARED |= {"bos_token_id": VOCAB - 1, "eos_token_id": VOCAB - 1, "tie_word_embeddings": True}
GPT2 = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", **SHARED}
GPT2 |= {"n_layer": 8, "n_head": 4, "n_embd": 128, "n_inner": None}
GPT2 |= {"n_ctx": CONTEXT, "n_positions": CONTEXT}
GPT2 |= {"activation_function": "gelu_new", "layer_norm_epsilon": 1e-5}
GPT2 |= {"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **SHARED}
LLAMA |= {"num_hidden_layers": 8, "num_attention_heads": 4, "num_key_value_heads": 2}
LLAMA |= {"hidden_size": 128, "head_dim": 32, "intermediate_size": 384}
LLAMA |= {"max_position_embeddings": CONTEXT, "rope_theta": 10000.0, "rope_scaling": None}
LLAMA |= {"hidden_act": "silu", "rms_norm_eps": 1e-5, "mlp_bias": False}
LLAMA |= {"attention_bias": False, "attention_dropout": 0.0}
CONFIGS = {"gpt2": GPT2, "llama": LLAMA}
FOLDERS = {"gpt2": HERE / "model", "llama": HERE / "llama"}

Kind = Annotated[Literal["gpt2", "llama"], typer.Option("--model", help="The architecture.")]
Corpus = Annotated[Path, typer.Option(help="Folder with the tales and STORIES.tsv.")]
Run = Annotated[Path, typer.Option(help="Folder of the checkpoint, outside the repository.")]
app = typer.Typer(add_completion=False, help=__doc__)


# --- the tales ------------------------------------------------------------------------------------
def one_quote_style(text: str) -> str:
    """Speech in "double" quotes: half of the books use `'`, which is the apostrophe as well."""
    singles = len(re.findall(r"(?<!\w)'(?=[A-Z])", text))
    if singles < text.count('"') / 2:
        return text
    text = text.replace('"', "\0")
    text = re.sub(r"(?<!\w)'(\w[^'\0\n]{0,60}\w)'(?!\w)", r'"\1"', text)  # a 'word' or two
    text = re.sub(r"(?<=[^\w\s])'(?!\w)", '"', text)  # closing, after punctuation
    text = re.sub(r"(?<!\w)'(?!(?:tis|twas|twill|em|til|ere|un)\b)(?=\S)", '"', text)  # opening
    return text.replace("\0", "'")


def clean(lines: list[str]) -> str:
    """One paragraph (or line of verse) a line, without editors' marks or a shouted first word."""
    text = "\n".join(line.strip() for line in lines if re.match(r"\s*[^\s*\[(]", line))
    text = re.sub(r" ?\[[^\]]*\]|\*", "", text)
    return re.sub(r"^(\W*[A-Z])([A-Z']+)\b", lambda m: m[1] + m[2].lower(), text)


def read_tales(corpus: Path) -> list[tuple[str, str]]:
    """Every tale as (book, text), in the order of the books; headings are dropped."""
    with (corpus / "STORIES.tsv").open(newline="") as file:
        headings = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    tales = []
    for book in dict.fromkeys(row["slug"] for row in headings):
        rows = [row for row in headings if row["slug"] == book]
        lines = one_quote_style((corpus / f"{book}.txt").read_text(encoding="utf-8")).splitlines()
        for row in rows:
            lines[int(row["line"]) - 1] = ""
        starts = [int(row["line"]) - 1 for row in rows if row["level"] == "h1"]
        if book.startswith(NOVELS):
            starts = starts[:1]
        for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
            tales.append((book, clean(lines[start:stop])))
    return tales


def split(tales: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Training texts and held-out texts: whole tales, the novels always in training."""
    short = [i for i, (book, _) in enumerate(tales) if not book.startswith(NOVELS)]
    rng = np.random.default_rng(SEED)
    held = set(rng.choice(short, round(len(short) * HELD_OUT), replace=False).tolist())
    texts = [text for _, text in tales]
    return [t for i, t in enumerate(texts) if i not in held], [texts[i] for i in sorted(held)]


def make_tokenizer(texts: list[str]) -> Tokenizer:
    """GPT-2's tokenizer with fewer merges; as there, the last id marks the end of a text."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()  # all 256 bytes, so nothing is unknown
    trainer = trainers.BpeTrainer(vocab_size=VOCAB - 1, initial_alphabet=alphabet)
    trainer.show_progress = False
    learner.train_from_iterator(texts, trainer)
    learned = json.loads(learner.to_str())["model"]
    merges = [tuple(pair) for pair in learned["merges"]]
    tokenizer = Tokenizer(models.BPE(learned["vocab"] | {END: VOCAB - 1}, merges))
    tokenizer.pre_tokenizer = learner.pre_tokenizer
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(END, normalized=False, special=True)])
    return tokenizer


def as_stream(tokenizer: Tokenizer, texts: list[str]) -> Tensor:
    """All texts in one row of ids, `<|endoftext|>` before each and after the last."""
    ids = [i for text in texts for i in [VOCAB - 1, *tokenizer.encode(text).ids]]
    return torch.tensor([*ids, VOCAB - 1])


# --- training -------------------------------------------------------------------------------------
def batch(stream: Tensor, step: int, rows: int, length: int) -> Tensor:
    """Cut a step's windows, [rows, length + 1]; the step says which, so nothing need be stored.

    Multiples of the golden ratio cover the stream evenly, near enough to epochs without repetition.
    One row in sixteen begins with a tale, as a prompt does, to teach the first positions.
    """
    golden = (math.sqrt(5) - 1) / 2
    rng = np.random.default_rng([SEED, step])
    k = step * 16 + np.arange(rows) * 16 // rows
    starts = (k * golden % 1 * (len(stream) - length - 1)).astype(np.int64)
    if rng.random() < rows / 16:
        tale = rng.choice((stream[: -length - 1] == VOCAB - 1).nonzero().flatten().numpy())
        starts[0] = tale + rng.integers(2)  # with the mark before it, or without
    return torch.stack([stream[s : s + length + 1] for s in starts.tolist()])


def held_out_loss(model: PreTrainedModel, stream: Tensor, length: int = CONTEXT) -> float:
    """Mean loss per token in nats, each window predicted from its own start."""
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(stream) - 1, length):
            window = stream[start : start + length + 1].to(model.device)
            logits = model(window[None, :-1]).logits[0]
            total += cross_entropy(logits.float(), window[1:], reduction="sum").item()
    return total / (len(stream) - 1)


def make_optimizers(model: PreTrainedModel) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices (it gets more out of few tokens), AdamW for the rest."""
    named = dict(model.named_parameters())
    blocks = {n for n in named if re.search(r"\.\d+\.", n)}  # only those have numbers
    matrices = [p for n, p in named.items() if n in blocks and p.ndim == 2]
    tables = [p for n, p in named.items() if n not in blocks and p.ndim == 2]
    vectors = [p for p in named.values() if p.ndim == 1]
    groups = [{"params": tables, "peak": 4e-3}, {"params": vectors, "peak": 2e-3}]
    adam = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    groups = [{"params": matrices, "peak": 8e-3}]
    muon = torch.optim.Muon(groups, weight_decay=0.05, adjust_lr_fn="match_rms_adamw")
    return [muon, adam]


def schedule(progress: float, warm_up: float = 0.02) -> float:
    """Factor of the learning rate: a short linear rise, then half a cosine to zero."""
    if progress < warm_up:
        return progress / warm_up + 1e-3
    return 0.5 + 0.5 * math.cos(math.pi * (progress - warm_up) / (1 - warm_up))


@app.command()
def train(
    run: Run,
    kind: Kind = "gpt2",
    corpus: Corpus = TALES,
    minutes: Annotated[float, typer.Option(help="The schedule follows the clock.")] = 78,
    steps: Annotated[int, typer.Option(help="Or this many steps, if they come first.")] = 8000,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in RUN.")] = False,
) -> None:
    """Train, with a checkpoint every 250 steps and a line of progress every 50."""
    torch.manual_seed(SEED)
    run.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    tales = read_tales(corpus)
    texts, held_texts = split(tales)
    tokenizer = make_tokenizer(texts)
    tokenizer.save(str(run / "tokenizer.json"))
    stream, held = as_stream(tokenizer, texts), as_stream(tokenizer, held_texts)
    print(f"{len(texts)} + {len(held_texts)} tales, {len(stream):,} + {len(held):,} tokens")

    # "eager" attention is the one that torch.compile fuses; on a CPU it is the fastest.
    config = AutoConfig.for_model(**CONFIGS[kind], use_cache=False)
    model: Any = AutoModelForCausalLM.from_config(
        config,
        dtype=torch.float32,  # only the export is float16
        attn_implementation="eager",
    )
    model.to(device)
    optimizers = make_optimizers(model)
    step, clock, seen = 0, 0.0, 0
    if resume:
        state = torch.load(run / "checkpoint.pt", map_location=device)
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        step, clock, seen = state["step"], state["clock"], state["seen"]

    @torch.compile(dynamic=False)
    def loss_of(windows: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            logits = model(windows[:, :-1]).logits
        return cross_entropy(logits.float().flatten(0, 1), windows[:, 1:].flatten())

    def checkpoint() -> None:
        state = {"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers]}
        state |= {"step": step, "clock": clock, "seen": seen}
        torch.save(state, run / "checkpoint.tmp")
        (run / "checkpoint.tmp").replace(run / "checkpoint.pt")

    losses, logged, tick = [], (seen, clock), time.monotonic()
    while (progress := max(step / steps, clock / 60 / minutes)) < 1:
        # Short windows are cheaper and teach as much at first; the last third sees full ones.
        rows, length = (16, CONTEXT // 2) if progress < 0.68 else (8, CONTEXT)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * schedule(progress)
        loss = loss_of(batch(stream, step, rows, length).to(device))
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        step, seen = step + 1, seen + rows * length
        losses.append(loss.item())
        clock, tick = clock + time.monotonic() - tick, time.monotonic()
        if step % 50 == 0:
            left, speed = clock / 60 * (1 / progress - 1), (seen - logged[0]) / (clock - logged[1])
            line = f"step {step:5}  loss {np.mean(losses):.4f}  {speed:6,.0f} tokens/s"
            print(f"{line}  {left:5.1f} min left", flush=True)
            losses, logged = [], (seen, clock)
        if step % 250 == 0:
            print(f"step {step:5}  held-out loss {held_out_loss(model, held[:16385], length):.4f}")
            checkpoint()
    checkpoint()
    print(f"{step} steps, {seen:,} tokens, {clock / 60:.1f} min; now export it")


# --- the finished model ---------------------------------------------------------------------------
@app.command()
def export(run: Run, kind: Kind = "gpt2", corpus: Corpus = TALES) -> None:
    """Write the checkpoint as a Hugging Face folder in float16, and measure what was written."""
    out = FOLDERS[kind]
    out.mkdir(parents=True, exist_ok=True)
    state = torch.load(run / "checkpoint.pt", map_location="cpu")["model"]
    weights = {k: v.half().contiguous() for k, v in state.items() if k != "lm_head.weight"}
    tokenizer = Tokenizer.from_file(str(run / "tokenizer.json"))
    bpe = json.loads(tokenizer.to_str())["model"]
    of_tokenizer = {"tokenizer_class": "GPT2Tokenizer", "model_max_length": CONTEXT}
    of_tokenizer |= {"bos_token": END, "eos_token": END, "unk_token": END}

    merges = ["#version: 0.2", *(" ".join(pair) for pair in bpe["merges"])]
    files: dict[str, str | bytes] = {
        "config.json": json.dumps(CONFIGS[kind], indent=2, sort_keys=True) + "\n",
        "tokenizer_config.json": json.dumps(of_tokenizer, indent=2) + "\n",
        "tokenizer.json": tokenizer.to_str(pretty=True) + "\n",
        "vocab.json": json.dumps(bpe["vocab"], ensure_ascii=False) + "\n",
        "merges.txt": "\n".join(merges) + "\n",
        "model.safetensors": save(weights, metadata={"format": "pt"}),
    }
    for name, content in files.items():
        temporary = out / f"{name}.tmp"  # whole or not at all: someone may be reading the folder
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode())
        temporary.replace(out / name)

    texts = split(read_tales(corpus))[1]
    held = as_stream(tokenizer, texts)
    loss = held_out_loss(AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32), held)
    size = sum(len(text.encode()) for text in texts) + len(texts)
    bits = loss * (len(held) - 1) / size / math.log(2)
    print(f"held-out loss {loss:.4f}, perplexity {math.exp(loss):.2f}, {bits:.3f} bits per byte")


@app.command()
def sample(
    kind: Kind = "gpt2",
    prompt: str = "Once upon a time",
    tokens: int = 120,
    seed: int = 1,
    temperature: float = 0.8,
    top_k: int = 40,
) -> None:
    """Continue a prompt; an empty one begins a new tale."""
    torch.manual_seed(seed)
    tokenizer = Tokenizer.from_file(str(FOLDERS[kind] / "tokenizer.json"))
    model: Any = AutoModelForCausalLM.from_pretrained(FOLDERS[kind], dtype=torch.float32)
    ids = torch.tensor([tokenizer.encode(prompt or END).ids])
    how = {"temperature": temperature, "top_k": top_k, "max_new_tokens": tokens}
    found = model.generate(ids, do_sample=True, pad_token_id=VOCAB - 1, **how)
    print(tokenizer.decode(found[0].tolist()))


if __name__ == "__main__":
    app()
