"""The memory of one GPU when several hold a model together (FSDP, full sharding), by the terms of memory.py.

    need = sharded_memory(find("llama-3.3-70b"), Setting("qlora", 2048, 2, checkpointing=True), gpus=4)
    print(need)                             # 4 GPUs: what each of them needs

The frozen weights are cut into equal parts (arXiv 1910.02054, stage 3; arXiv 2304.11277). container/training
(distributed.shard) leaves the adapter whole on every GPU, with its gradients and its optimizer; others cut
those, too, which is what `all_in_parts` is for. What a GPU computes with has to be whole at that moment: it
gathers two layers, the one at work and the next one on its way, and keeps embedding and output layer, which
are no part of a layer. Activations are its own rows'.
"""

from tuneaws.sizing.activations import Setting
from tuneaws.sizing.catalogue import BaseModel, linear_layers, linear_parameters
from tuneaws.sizing.memory import FRAGMENTATION, Memory, memory_needed, nf4_bytes

TRAINED = ("adapter", "optimizer", "gradients")
LAYERS_AT_ONCE = 2


def layer_bytes(model: BaseModel, method: str) -> float:
    """Bytes of the matrices of one layer as they travel: NF4 with "qlora", else 2 a number, 6 with "full"."""
    layers = model.shape.layers + model.shape.encoder_layers
    if method != "qlora":
        return linear_parameters(model) / layers * (6 if method == "full" else 2)
    return sum(layer.count * nf4_bytes(layer.n_in * layer.n_out) for layer in linear_layers(model)) / layers


def gathered_bytes(model: BaseModel, method: str, gpus: int) -> float:
    """Bytes of other GPUs' parts that one holds at its fullest: two layers, embedding and output layer."""
    s = model.shape
    outer = 2 * s.vocabulary * s.hidden * (1 if s.tied else 2)
    return (outer + LAYERS_AT_ONCE * layer_bytes(model, method)) * (1 - 1 / gpus)


def sharded_memory(model: BaseModel, setting: Setting, gpus: int, all_in_parts: bool = False) -> Memory:
    """Every term for one of `gpus` GPUs that hold a model together; memory_needed() for one GPU.

    setting       its rows are those of one GPU
    all_in_parts  adapter, gradients and optimizer are cut up like the weights. False: whole on each GPU, as
                  container/training has them; with the method "full" there is no adapter, and all is cut
    """
    in_parts = ("weights", *TRAINED) if all_in_parts or setting.method == "full" else ("weights",)
    alone = memory_needed(model, setting)
    if gpus == 1:
        return alone
    terms = {name: size / gpus if name in in_parts else size for name, size in alone.terms.items()}
    terms["gathered"] = gathered_bytes(model, setting.method, gpus)
    terms["shared"] = -min(terms["gradients"], terms["activations"] + terms["logits"])
    cuda = terms.pop("CUDA")
    del terms["fragmentation"]
    terms["fragmentation"] = FRAGMENTATION * sum(terms.values())
    return Memory(f"{model.name} on {gpus} GPUs", setting, {**terms, "CUDA": cuda})
