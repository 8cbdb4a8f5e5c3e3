"""The arithmetic of training, in floating-point operations (FLOPs): how long a GPU has to work for a token.

    work = training_flops(find("llama-3.2-1b"), Setting("qlora", 512, 4))      # of one batch
    seconds = work / (0.4 * 125e12)         # at 40 % of what the GPU's matrix units can do

Multiplications of matrices are counted, 2 FLOPs for each multiply and add (Kaplan et al., arXiv 2001.08361),
as torch.utils.flop_counter counts them; tests/test_flops.py compares the two. Taking weights out of NF4,
norms and the optimizer are not in it: they cost time, so what a GPU reaches must be measured, not assumed.
"""

from tuneaws.sizing.activations import Setting, adapter_layers
from tuneaws.sizing.catalogue import BaseModel, linear_parameters


def forward_flops(model: BaseModel, setting: Setting) -> tuple[float, float, float, float]:
    """FLOPs of one batch forward: in the base's matrices, the adapter's, the attention, the output layer.

    For n tokens: 2 n × parameters of the matrices; 2 n × rank × (n_in + n_out); 4 n × tokens of the row ×
    width of the queries for every layer, without the half that a causal kernel leaves out; 2 × labels ×
    hidden × vocabulary.
    Raises  ValueError for T5, where source and answer have lengths of their own
    """
    s = model.shape
    if s.family == "t5":
        raise ValueError(f"{model.name}: FLOPs are counted for models with a decoder only")
    tokens = setting.rows * setting.tokens
    adapted = [] if setting.method == "full" else adapter_layers(model, setting.targets)
    adapter = sum(layer.count * setting.rank * (layer.n_in + layer.n_out) for layer in adapted)
    attention = 4 * setting.tokens * s.heads * s.head_dim * s.layers
    output = 2 * round(tokens * setting.labels) * s.hidden * s.vocabulary
    return 2 * tokens * linear_parameters(model), 2 * tokens * adapter, tokens * attention, output


def training_flops(model: BaseModel, setting: Setting) -> float:
    """FLOPs of one batch, forward and back.

    Back, each multiplication costs one for its input and one for its weights. The base's weights are frozen
    with an adapter, so they cost one; with "full" two, as everything else does. Checkpointing computes the
    layers again.
    """
    base, adapter, attention, output = forward_flops(model, setting)
    frozen = 2 if setting.method != "full" else 3
    again = base + adapter + attention if setting.checkpointing else 0
    return frozen * (base + output) + 3 * (adapter + attention) + again
