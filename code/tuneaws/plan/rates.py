"""How many seconds a batch takes on a GPU, alone or with others that hold the model together.

    busy = operations / (share × peak) + bytes of activations × TRIPS / bandwidth + 4-bit weights unpacked
    busy is at least LAUNCH_S for each layer and pass: on short rows the GPU waits for its next instruction
    with the model in parts: the longer of busy and gathering, and half of the shorter one

Six numbers were fitted, to the 29 runs of measured.py that store weights as this course does: the shares of
A100 and H100, TRIPS, LAUNCH_S, the bus of the A100 and OVERLAP. Share and TRIPS from the 18 runs on one GPU
alone would be 0.8 and 35, and miss the 11 on several by 8 % in the middle and 14 % at most. What is not
measured on a GPU is assumed, and the answer says so.
"""

from dataclasses import replace

from tuneaws.sizing.activations import Setting, layer_activation_bytes
from tuneaws.sizing.catalogue import BaseModel, linear_parameters
from tuneaws.sizing.flops import forward_flops
from tuneaws.sizing.memory import weight_bytes
from tuneaws.speeds import PEAK_TFLOPS

# The share of the peak that multiplications alone reach; ASSUMED for GPUs that no run here was measured on.
SHARES = {"A100": 0.75, "H100": 0.45}
ASSUMED_SHARE = 0.6
# Bytes a second of a GPU's memory, NVIDIA's data sheets, 2026-11. The A100 of a p4d has 40 GB, the other 80.
BANDWIDTH = {"T4": 320e9, "V100": 900e9, "A10G": 600e9, "L4": 300e9, "L40S": 864e9, "A100": 1555e9,
             "A100 80 GB": 2039e9, "H100": 3350e9}
# How often what a layer keeps is written and read, over forward, recomputation and backward together:
# adapters in float32 under autocast convert a lot.
TRIPS = 30
LAUNCH_S = 1.7e-3
# Bytes that move for each weight taken out of NF4: LitGPT's resource tables (2023-10-20) have 1,000
# iterations of Llama 2 7B at 2.36 minutes in 16 bits and 3.83 in NF4, of 13B at 3.19 and 6.55: 1.4e11
# weights a second on an A100 40 GB, two passes each.
NF4_TRAFFIC = 11
# Bytes a second at which parts are gathered from the other GPUs of an instance. NVLink: fitted on A100;
# H100 by its faster NVLink (900 and 600 GB/s, data sheets). PCIe: ASSUMED; two PCIe workstations of
# fsdp_qlora's report come to 4 and 10 to 20 GB/s.
BUS = {"A100": 180e9, "H100": 270e9}
PCIE = 10e9
OVERLAP = 0.5
MEASURED_GPUS = tuple(SHARES)


def operations(model: BaseModel, setting: Setting) -> float:
    """Operations of one batch, as flops.training_flops, with the half attention of a causal kernel."""
    base, adapter, attention, output = forward_flops(model, setting)
    attention /= 2
    back = 2 if setting.method != "full" else 3
    again = base + adapter + attention if setting.checkpointing else 0
    return back * (base + output) + 3 * (adapter + attention) + again


def passes(setting: Setting) -> int:
    """How often all layers are computed: forward, backward, and once more with checkpointing."""
    return 3 if setting.checkpointing else 2


def busy_s(model: BaseModel, setting: Setting, gpu: str) -> float:
    """Seconds of one batch on one GPU that has the weights at hand."""
    kind = gpu.split()[0]
    layers, bandwidth = model.shape.layers, BANDWIDTH[gpu]
    seconds = operations(model, setting) / (SHARES.get(kind, ASSUMED_SHARE) * PEAK_TFLOPS[kind] * 1e12)
    kept = layer_activation_bytes(model, replace(setting, rows=1, checkpointing=False))
    seconds += TRIPS * setting.rows * setting.tokens * layers * kept / bandwidth
    if setting.method == "qlora":
        seconds += passes(setting) * linear_parameters(model) * NF4_TRAFFIC / bandwidth
    return max(seconds, LAUNCH_S * layers * passes(setting))


def gather_s(model: BaseModel, setting: Setting, gpu: str, gpus: int) -> float:
    """Seconds to gather the whole model from its parts, once each pass."""
    size = passes(setting) * weight_bytes(model, setting.method) * (1 - 1 / gpus)
    return size / BUS.get(gpu.split()[0], PCIE)


def batch_s(model: BaseModel, setting: Setting, gpu: str, gpus: int = 1, sharded: bool = False) -> float:
    """Seconds of one batch on each of `gpus` GPUs. Copies exchange an adapter's gradients, no more."""
    busy = busy_s(model, setting, gpu)
    if not sharded or gpus == 1:
        return busy
    gather = gather_s(model, setting, gpu, gpus)
    return max(busy, gather) + OVERLAP * min(busy, gather)


def tokens_per_s(model: BaseModel, setting: Setting, gpu: str, gpus: int = 1, sharded: bool = False) -> float:
    """Tokens a second of all GPUs together.

    setting  its rows are those of one GPU and forward pass
    gpu      "A10G", …, "A100" (40 GB), "A100 80 GB"
    sharded  the GPUs hold the model together; else each has a copy
    """
    return gpus * setting.rows * setting.tokens / batch_s(model, setting, gpu, gpus, sharded)
