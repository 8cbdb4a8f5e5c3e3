"""What the backward pass needs to keep: the part of memory that grows with tokens.

    Setting("qlora", tokens=1024, rows=4)                       # how a model is trained
    activation_bytes(find("llama-3.2-1b"), Setting("lora"))     # bytes

Found by listing what torch keeps (torch.autograd.graph.saved_tensors_hooks) with transformers 5.23 and PEFT
0.21, for T5 with 4.57, the version in AWS's images; tests/test_memory.py counts it again. `h` is hidden, `f`
feed_forward, `q` heads × head_dim, `T` tokens a row. Without adapters under autocast it is close to the 34 h
a token and layer of Korthikanti et al. (arXiv 2205.05198): an adapter on every linear layer with dropout
doubles that.
"""

from dataclasses import dataclass, replace

from tuneaws.sizing.catalogue import BaseModel, linear_layers, target_modules

METHODS = ("qlora", "lora", "full")
OPTIMIZERS = ("adamw", "adamw_8bit", "paged_adamw_8bit", "adafactor", "sgd")


@dataclass(frozen=True)
class Setting:
    """How a model is trained.

    method         "qlora": base in 4 bits; "lora": base in 16 bits; "full": every weight in float32
    tokens, rows   of the longest batch: a row's tokens, and rows a forward pass (not the accumulated ones)
    rank, targets  of the adapter; targets None: all linear layers
    dropout        whether the adapter has any: its masks are kept
    checkpointing  compute a layer's activations again in the backward pass, instead of keeping them
    padded         rows of unlike length: attention then takes a mask, and keys for every head
    labels         share of the tokens with a label: the trainer computes logits for columns with labels only.
                   T5: the answer's length, as a share of the source's
    """

    method: str = "qlora"
    tokens: int = 1024
    rows: int = 4
    rank: int = 16
    targets: tuple | None = None
    dropout: bool = True
    checkpointing: bool = False
    optimizer: str = "adamw"
    padded: bool = True
    labels: float = 1.0

    def __post_init__(self):
        if self.method not in METHODS or self.optimizer not in OPTIMIZERS:
            raise ValueError(f"method {self.method!r}, optimizer {self.optimizer!r}: known are "
                             f"{', '.join(METHODS)}, and {', '.join(OPTIMIZERS)}")


def adapter_layers(model: BaseModel, targets=None) -> list:
    """The matrices that get an adapter. Raises ValueError for a name that the family does not have."""
    known = target_modules(model)
    wrong = set(targets or ()) - set(known)
    if wrong:
        raise ValueError(f"{model.name} has no {', '.join(sorted(wrong))}; it has {', '.join(known)}")
    return [layer for layer in linear_layers(model) if targets is None or layer.name in targets]


def layer_activation_bytes(model: BaseModel, setting: Setting, mask_bytes: int = 1) -> int:
    """Bytes that one decoder layer keeps for the backward pass, a token; found by torch's
    saved_tensors_hooks.

    norms       4 h each, and 4 for the scale: transformers computes RMSNorm in float32. With "full" 8 h: a
                norm that is trained keeps its result too
    attention   queries, keys, values and result in 16 bits, 4 a head for the softmax; the mask 2 T when
                padded
    mlp         6 f: gate, up and activated gate in 16 bits
    adapter     2 (n_in + rank) for each adapted matrix, and n_in × mask_bytes with dropout (1 on GPUs, 4 on
                CPUs). With "full" 2 n_in for each matrix, but the one after the attention, whose input is
                kept anyway
    """
    s = model.shape
    queries, keys = s.heads * s.head_dim, s.kv_heads * s.head_dim
    wide = 8 if setting.method == "full" else 4
    norms = s.norms * (wide * s.hidden + 4)
    if s.qk_norm:
        norms += 4 * (queries + keys) + 4 * (s.heads + s.kv_heads)
    spread = queries if setting.padded else keys
    attention = 2 * (2 * queries + 2 * spread) + 4 * s.heads + (2 * setting.tokens if setting.padded else 0)
    if s.family == "phi3" and spread == keys:  # the values are a part of one tensor with queries and keys
        attention += 2 * (queries + keys)
    if setting.method == "full":
        inputs = sum(2 * layer.n_in for layer in linear_layers(model) if layer.name != "o_proj")
    else:
        inputs = sum(2 * (layer.n_in + setting.rank) + (mask_bytes * layer.n_in if setting.dropout else 0)
                     for layer in adapter_layers(model, setting.targets))
    return norms + attention + 6 * s.feed_forward + inputs


def _t5_kept(model: BaseModel, setting: Setting, mask_bytes: int) -> int:
    """Bytes that all T5 layers keep, of a source of T tokens and an answer of T × labels tokens, a row.

    A token keeps in each layer 14 f (gelu is computed in seven steps), 6 h a norm, h × mask_bytes a dropout,
    its queries, keys and values in 16 bits, and for every token that it looks at 6 + mask_bytes a head: T5 in
    transformers 4 keeps the attention scores. The source's tokens also give each decoder layer keys and
    values.
    """
    s, source = model.shape, setting.tokens
    answer = max(1, round(source * setting.labels))
    queries, score = s.heads * s.head_dim, s.heads * (6 + mask_bytes)
    drop = mask_bytes if setting.dropout else 0

    def inputs(*sizes):  # what the adapters of layers with these n_in keep; all linear layers have one
        return sum(2 * (size + setting.rank) + drop * size for size in sizes)

    feed = 14 * s.feed_forward + inputs(s.hidden, s.hidden, s.feed_forward)
    norm = (6 + mask_bytes) * s.hidden
    attend = 6 * queries + inputs(s.hidden, s.hidden, s.hidden, queries)
    encoder = feed + 2 * norm + attend + score * source
    decoder = (feed + 3 * norm + attend + 2 * queries + inputs(s.hidden, queries) + score * (answer + source))
    across = 4 * queries + inputs(s.hidden, s.hidden)
    return s.encoder_layers * source * encoder + s.layers * (answer * decoder + source * across)


def activation_bytes(model: BaseModel, setting: Setting, mask_bytes: int = 1) -> int:
    """Bytes that all layers together keep for the backward pass, for rows × tokens tokens.

    layer_activation_bytes() of every layer, or with checkpointing its input only, 2 h (4 h with "full", whose
    stream is float32; arXiv 1604.06174). And 4 h for the last norm.
    """
    s = model.shape
    layers = s.layers + s.encoder_layers
    if setting.checkpointing:
        kept = setting.tokens * layers * s.hidden * (4 if setting.method == "full" else 2)
    elif s.family == "t5":
        kept = _t5_kept(model, setting, mask_bytes)
    else:
        kept = setting.tokens * layers * layer_activation_bytes(model, setting, mask_bytes)
    return setting.rows * (kept + setting.tokens * 4 * s.hidden)


def workspace_bytes(model: BaseModel, setting: Setting, mask_bytes: int = 1) -> int:
    """Bytes that come and go inside one layer of the backward pass.

    8 f a token: gradients of the feed-forward part in 16 bits, and its widest tensor in float32 for the
    adapter. With "qlora" the largest matrix in 16 bits, out of NF4; with checkpointing the layer that is
    computed again.
    """
    tokens, layers = setting.rows * setting.tokens, model.shape.layers + model.shape.encoder_layers
    size = tokens * 8 * model.shape.feed_forward
    if setting.method == "qlora":
        size += 2 * max(layer.n_in * layer.n_out for layer in linear_layers(model))
    if setting.checkpointing:
        again = activation_bytes(model, replace(setting, checkpointing=False), mask_bytes)
        size += (again - tokens * 4 * model.shape.hidden) // layers
    return size
