"""Base models that people tune: licence, gate, shape, and how many parameters that shape has.

    model = find("llama-3.2-1b")            # or "meta-llama/Llama-3.2-1B", or a config.json: from_config()
    print(parameters(model))                # 1235814400, computed from the shape
    print(target_modules(model))            # ["q_proj", "k_proj", …], the names that LoRA can take hold of

Where the facts are from, all read 2026-11:
shape, context  config.json of the model's page on the hub, https://huggingface.co/<hub id>, as copied, with a
                link beside each model, into litgpt/config.py of github.com/Lightning-AI/litgpt. FLAN-T5:
                t5x/examples/t5/t5_1_1/ of github.com/google-research/t5x
published       parameters of the checkpoint, as the hub's page counts them; a tied output layer counts once.
                The same numbers stand in keras_hub/src/models/*/*_presets.py of
                github.com/keras-team/keras-hub for Llama 2 7B, Llama 3 8B, Mistral 7B, Qwen2.5, Qwen3, Gemma
                3 1B and FLAN-T5 XL. Whether a model is tied follows from it: only one answer gives that
                number
licence, gated  the model's page on the hub. Gated: you agree there, once, with your account, and give the job
                a token (HF_TOKEN). Mistral: its 7B pages got a gate in 2024 (huggingface/alignment-handbook,
                issue 166)
"""

import difflib
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """What decides size and memory. Sizes are counts of numbers, not bytes.

    family        model_type of config.json
    layers        decoder layers; encoder_layers come before them in T5
    head_dim      numbers of one head; heads × head_dim need not be `hidden`
    norms         RMSNorms of a layer over `hidden`; qk_norm adds one each over the queries' and keys' heads
    """

    family: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    feed_forward: int
    vocabulary: int
    tied: bool
    context: int
    qkv_bias: bool = False
    qk_norm: bool = False
    norms: int = 2
    encoder_layers: int = 0


@dataclass(frozen=True)
class BaseModel:
    """One row of the catalogue; see the module for what `published` counts."""

    name: str
    hub_id: str
    licence: str
    gated: bool
    shape: Shape
    published: int

    @property
    def page(self) -> str:
        return f"https://huggingface.co/{self.hub_id}"


@dataclass(frozen=True)
class Linear:
    """`count` matrices of one name in a model, each n_in × n_out."""

    name: str
    count: int
    n_in: int
    n_out: int


class CatalogueError(LookupError):
    """A model is not in the catalogue, or its family is not known here; the message says what to do."""


def _llama(layers, hidden, heads, kv_heads, feed_forward, *rest, family="llama", head_dim=None, **more):
    head_dim = head_dim or hidden // heads
    return Shape(family, layers, hidden, heads, kv_heads, head_dim, feed_forward, *rest, **more)


def _qwen2(*sizes):
    return _llama(*sizes, family="qwen2", qkv_bias=True)


def _qwen3(*sizes):
    return _llama(*sizes, family="qwen3", head_dim=128, qk_norm=True)


_APACHE, _GEMMA = "Apache 2.0", "Gemma Terms of Use"
_T5 = {"family": "t5", "head_dim": 64}

# fmt: off
MODELS = {model.name: model for model in (BaseModel(*row) for row in [
    # name, hub id, licence, gated, (layers, hidden, heads, key-value heads, feed-forward, vocabulary, tied,
    # context)
    ("llama-2-7b", "meta-llama/Llama-2-7b-hf", "Llama 2 Community", True,
     _llama(32, 4096, 32, 32, 11008, 32000, False, 4096), 6_738_415_616),
    ("llama-2-13b", "meta-llama/Llama-2-13b-hf", "Llama 2 Community", True,
     _llama(40, 5120, 40, 40, 13824, 32000, False, 4096), 13_015_864_320),
    ("llama-3.2-1b", "meta-llama/Llama-3.2-1B", "Llama 3.2 Community", True,
     _llama(16, 2048, 32, 8, 8192, 128256, True, 131072), 1_235_814_400),
    ("llama-3.2-3b", "meta-llama/Llama-3.2-3B", "Llama 3.2 Community", True,
     _llama(28, 3072, 24, 8, 8192, 128256, True, 131072), 3_212_749_824),
    ("llama-3.1-8b", "meta-llama/Llama-3.1-8B", "Llama 3.1 Community", True,
     _llama(32, 4096, 32, 8, 14336, 128256, False, 131072), 8_030_261_248),
    ("llama-3.3-70b", "meta-llama/Llama-3.3-70B-Instruct", "Llama 3.3 Community", True,
     _llama(80, 8192, 64, 8, 28672, 128256, False, 131072), 70_553_706_496),
    ("smollm2-135m", "HuggingFaceTB/SmolLM2-135M", _APACHE, False,
     _llama(30, 576, 9, 3, 1536, 49152, True, 8192), 134_515_008),
    ("smollm2-360m", "HuggingFaceTB/SmolLM2-360M", _APACHE, False,
     _llama(32, 960, 15, 5, 2560, 49152, True, 8192), 361_821_120),
    ("smollm2-1.7b", "HuggingFaceTB/SmolLM2-1.7B", _APACHE, False,
     _llama(24, 2048, 32, 32, 8192, 49152, True, 8192), 1_711_376_384),
    ("qwen2.5-0.5b", "Qwen/Qwen2.5-0.5B", _APACHE, False,
     _qwen2(24, 896, 14, 2, 4864, 151936, True, 32768), 494_032_768),
    ("qwen2.5-1.5b", "Qwen/Qwen2.5-1.5B", _APACHE, False,
     _qwen2(28, 1536, 12, 2, 8960, 151936, True, 131072), 1_543_714_304),
    ("qwen2.5-3b", "Qwen/Qwen2.5-3B", "Qwen Research (not for commerce)", False,
     _qwen2(36, 2048, 16, 2, 11008, 151936, True, 32768), 3_085_938_688),
    ("qwen2.5-7b", "Qwen/Qwen2.5-7B", _APACHE, False,
     _qwen2(28, 3584, 28, 4, 18944, 152064, False, 131072), 7_615_616_512),
    ("qwen2.5-14b", "Qwen/Qwen2.5-14B", _APACHE, False,
     _qwen2(48, 5120, 40, 8, 13824, 152064, False, 131072), 14_770_033_664),
    ("qwen2.5-32b", "Qwen/Qwen2.5-32B", _APACHE, False,
     _qwen2(64, 5120, 40, 8, 27648, 152064, False, 131072), 32_763_876_352),
    ("qwen3-0.6b", "Qwen/Qwen3-0.6B", _APACHE, False,
     _qwen3(28, 1024, 16, 8, 3072, 151936, True, 40960), 596_049_920),
    ("qwen3-1.7b", "Qwen/Qwen3-1.7B", _APACHE, False,
     _qwen3(28, 2048, 16, 8, 6144, 151936, True, 40960), 1_720_574_976),
    ("qwen3-4b", "Qwen/Qwen3-4B", _APACHE, False,
     _qwen3(36, 2560, 32, 8, 9728, 151936, True, 40960), 4_022_468_096),
    ("qwen3-8b", "Qwen/Qwen3-8B", _APACHE, False,
     _qwen3(36, 4096, 32, 8, 12288, 151936, False, 40960), 8_190_735_360),
    ("mistral-7b-v0.3", "mistralai/Mistral-7B-v0.3", _APACHE, True,
     _llama(32, 4096, 32, 8, 14336, 32768, False, 32768, family="mistral"), 7_248_023_552),
    ("gemma-2-2b", "google/gemma-2-2b", _GEMMA, True,
     _llama(26, 2304, 8, 4, 9216, 256000, True, 8192, family="gemma2", head_dim=256, norms=4), 2_614_341_888),
    ("gemma-3-1b", "google/gemma-3-1b-it", _GEMMA, True,
     _llama(26, 1152, 4, 1, 6912, 262144, True, 32768, family="gemma3_text", head_dim=256, norms=4,
            qk_norm=True), 999_885_952),
    ("phi-3.5-mini", "microsoft/Phi-3.5-mini-instruct", "MIT", False,
     _llama(32, 3072, 32, 32, 8192, 32064, False, 131072, family="phi3"), 3_821_079_552),
    ("phi-4-mini", "microsoft/Phi-4-mini-instruct", "MIT", False,
     _llama(32, 3072, 24, 8, 8192, 200064, True, 131072, family="phi3"), 3_836_021_760),
    ("phi-4", "microsoft/phi-4", "MIT", False,
     _llama(40, 5120, 40, 10, 17920, 100352, False, 16384, family="phi3"), 14_659_507_200),
    # T5 has no limit of positions; 512 tokens is the length that it was trained on.
    ("flan-t5-base", "google/flan-t5-base", _APACHE, False,
     _llama(12, 768, 12, 12, 2048, 32128, False, 512, encoder_layers=12, **_T5), 247_577_856),
    ("flan-t5-xl", "google/flan-t5-xl", _APACHE, False,
     _llama(24, 2048, 32, 32, 5120, 32128, False, 512, encoder_layers=24, **_T5), 2_849_757_184),
])}
# fmt: on

FUSED = ("phi3",)  # families whose queries, keys and values are one matrix, and gate and up another
LIKE_LLAMA = ("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "smollm3")

CHAT_ENDINGS = ("-instruct", "-chat", "-it")


def find(name: str) -> BaseModel:
    """Return the model called `name` in the catalogue, or with that id on the hub. Raises CatalogueError.

    A chat variant has its base's shape: "Qwen/Qwen2.5-0.5B-Instruct" finds Qwen/Qwen2.5-0.5B.
    """
    asked = name.lower()
    base = next((asked.removesuffix(end) for end in CHAT_ENDINGS if asked.endswith(end)), asked)
    for model in MODELS.values():
        if {asked, base} & {model.name, model.hub_id.lower()}:
            return model
    near = difflib.get_close_matches(name.rpartition("/")[2].lower(), MODELS, n=3, cutoff=0.4) or list(MODELS)
    raise CatalogueError(f"{name!r} is not in the catalogue; near it: {', '.join(near)}.\n"
                         "Fix: one of those, or from_config(name, config) with the model's config.json")


def from_config(name: str, config: dict) -> BaseModel:
    """Return a model that is not in the catalogue, from its config.json; licence and gate stay unknown.

    Raises  CatalogueError for a family that is not known here
    """
    family = config.get("model_type", "")
    if family == "t5":
        heads = config["num_heads"]
        shape = Shape(family, config["num_decoder_layers"], config["d_model"], heads, heads, config["d_kv"],
                      config["d_ff"], config["vocab_size"], config.get("tie_word_embeddings", True),
                      config.get("n_positions", 512), encoder_layers=config["num_layers"])
    elif family in LIKE_LLAMA + FUSED:
        heads = config["num_attention_heads"]
        shape = Shape(family, config["num_hidden_layers"], config["hidden_size"], heads,
                      config.get("num_key_value_heads") or heads,
                      config.get("head_dim") or config["hidden_size"] // heads, config["intermediate_size"],
                      config["vocab_size"], config.get("tie_word_embeddings", family.startswith("gemma")),
                      config["max_position_embeddings"], family == "qwen2",
                      family in ("qwen3", "gemma3_text"), 4 if family.startswith("gemma") else 2)
    else:
        raise CatalogueError(f"{name} is of the family {family!r}; known here: "
                             f"{', '.join(LIKE_LLAMA + FUSED + ('t5',))}.\nFix: a model of one of these")
    return BaseModel(name, name, "unknown", False, shape, 0)


def linear_layers(model: BaseModel) -> list[Linear]:
    """The matrices that "all-linear" means: every linear layer but the output layer."""
    s = model.shape
    queries, keys = s.heads * s.head_dim, s.kv_heads * s.head_dim
    if s.family == "t5":  # the decoder attends twice: to itself and to the encoder
        attention = s.encoder_layers + 2 * s.layers
        blocks = s.encoder_layers + s.layers
        return ([Linear(name, attention, s.hidden, queries) for name in ("q", "k", "v")]
                + [Linear("o", attention, queries, s.hidden)]
                + [Linear(name, blocks, s.hidden, s.feed_forward) for name in ("wi_0", "wi_1")]
                + [Linear("wo", blocks, s.feed_forward, s.hidden)])
    if s.family in FUSED:
        first = [("qkv_proj", s.hidden, queries + 2 * keys), ("o_proj", queries, s.hidden),
                 ("gate_up_proj", s.hidden, 2 * s.feed_forward)]
    else:
        first = [("q_proj", s.hidden, queries), ("k_proj", s.hidden, keys), ("v_proj", s.hidden, keys),
                 ("o_proj", queries, s.hidden), ("gate_proj", s.hidden, s.feed_forward),
                 ("up_proj", s.hidden, s.feed_forward)]
    return [Linear(name, s.layers, n_in, n_out)
            for name, n_in, n_out in [*first, ("down_proj", s.feed_forward, s.hidden)]]


def linear_parameters(model: BaseModel) -> int:
    """Parameters in the matrices of linear_layers()."""
    return sum(layer.count * layer.n_in * layer.n_out for layer in linear_layers(model))


def parameters(model: BaseModel) -> int:
    """Parameters of a shape: matrices, embedding, an output layer of its own, biases and norms."""
    s = model.shape
    embeddings = s.vocabulary * s.hidden * (1 if s.tied else 2)
    keys = s.kv_heads * s.head_dim
    if s.family == "t5":  # 2 norms an encoder layer, 3 a decoder layer, 1 after each stack; 32 distances
        norms = s.hidden * (2 * s.encoder_layers + 3 * s.layers + 2)
        return linear_parameters(model) + embeddings + norms + 2 * 32 * s.heads
    biases = (s.heads * s.head_dim + 2 * keys) * s.layers if s.qkv_bias else 0
    norms = s.hidden * (s.norms * s.layers + 1) + (2 * s.head_dim * s.layers if s.qk_norm else 0)
    return linear_parameters(model) + embeddings + biases + norms


def target_modules(model: BaseModel, attention_only: bool = False) -> list[str]:
    """The names that target_modules may have in this family.

    attention_only  the queries and values of the LoRA paper (arXiv 2106.09685), or what holds them
    """
    names = [layer.name for layer in linear_layers(model)]
    few = {"q_proj", "v_proj", "qkv_proj", "q", "v"}
    return [name for name in names if name in few] if attention_only else names


def models_table() -> list:
    """Rows for a lesson, the smallest model first."""
    return [{"model": model.name, "hub id": model.hub_id, "parameters": f"{parameters(model) / 1e9:.2f} B",
             "context": model.shape.context, "licence": model.licence,
             "gated": "yes" if model.gated else "no"}
            for model in sorted(MODELS.values(), key=parameters)]
