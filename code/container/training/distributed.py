"""Several processes that train one model: which this one is, what it leaves to the first, what they share.

torchrun starts them (distribution={"torch_distributed": {"enabled": True}}), one for each GPU, on one host or
several, and says in RANK, LOCAL_RANK and WORLD_SIZE which is which. Without them a run has one process, and
everything here does nothing.

    check_launch()       several instances that nothing joins are refused
    join(), leave()      meet the others; part
    complete(folder)     a channel whose files were dealt out to the hosts, whole on each of them
    shard(model)         the base model's weights dealt out to the ranks (FSDP)
    totals(), any_rank() what all ranks know together

Only rank 0 prints, writes the model and seals checkpoints: the job's metrics are read from all logs, and what
several ranks print would count several times. torchrun passes SIGTERM on and kills what is left after 30 s:
a stopped job has that long to save, not SageMaker's 120 s. Standard library only, until join().
"""

import json
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from arguments import UserError

PIECE_BYTES = 64 << 20  # of a file that goes from host to host
PATIENCE = timedelta(hours=1)  # a rank may have to wait for another one's model to be downloaded


def rank() -> int:
    """Which process this is, 0 to world() - 1."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """Which process of this host, and so which GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def world() -> int:
    """How many processes train together, over all hosts."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this is the process that speaks and writes for all."""
    return rank() == 0


def check_launch() -> None:
    """Settle how many processes and GPUs this run has. Raises UserError where each host would train alone."""
    hosts = json.loads(os.environ.get("SM_HOSTS", "[]"))
    if len(hosts) > 1 and world() == 1:
        raise UserError(
            f"this job has {len(hosts)} instances and nothing that joins them: each would train the same "
            'adapter.\nFix: distribution={"torch_distributed": {"enabled": True}}, or instance_count=1.'
        )
    if world() == 1:
        # With several GPUs in sight the Trainer would split each batch over them; 4-bit weights do not
        # stand it.
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    # Threads that wait sleep instead of spin (libgomp reads this when torch is imported). On two cores that
    # eight other programs used too, spinning trained 185 and 246 tokens a second, sleeping 1,782 and 1,995.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # torch.compile is not used: its first step takes longer than whole jobs here (benchmarks/README.md).
    # bitsandbytes asks for it at import all the same, and so loads 540 modules of it in 0.8 s of a CPU.
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")


def join() -> None:
    """Meet the other ranks. Figures go by gloo, over the CPU, and so make no GPU wait; gradients by NCCL."""
    if world() == 1:
        return
    import torch
    import torch.distributed as dist

    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank())
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, timeout=PATIENCE)


def leave() -> None:
    """Part from the other ranks and end this process: the last call of a program, after all its work.

    Python is not taken down: gloo's threads aborted that now and then, in 1 of about 20 jobs (torch 2.13).
    """
    if world() > 1:
        import torch.distributed as dist

        dist.destroy_process_group()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def parts() -> int:
    """Into how many parts shard() cuts a model: one for each process of a host, so that no layer is gathered
    over the network; one for each host, where a host has one process.
    """
    here = int(os.environ.get("LOCAL_WORLD_SIZE", world()))
    return here if here > 1 else world()


def shard(model, device: str) -> int:
    """Deal a model's frozen weights out to the ranks (FSDP), which bring a layer together to compute it.

    model    a PeftModel on the CPU; device "cuda" or "cpu" is where it goes
    Returns the layers dealt out. The adapter stays whole on every rank: it is small, and so its gradients,
    its optimizer and its checkpoints are those of any run. 4-bit weights are dealt out as they are.
    Seen on CPUs only, two processes, and two on each of two hosts (2026-11): no machine with two GPUs
    was there.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    base = model.get_base_model()
    trained = {each for each in model.parameters() if each.requires_grad}
    names = set(base._no_split_modules or ())
    layers = [module for module in base.modules() if type(module).__name__ in names]
    copies = world() // parts()
    if copies == 1:
        mesh = init_device_mesh(device, (parts(),))
    else:
        mesh = init_device_mesh(device, (copies, parts()), mesh_dim_names=("copies", "parts"))
    for module in (*layers, model):  # the model last: it takes what no layer has, such as the embedding
        fully_shard(module, mesh=mesh, ignored_params=trained)
    place = local_rank() if device == "cuda" else "cpu"
    for each in trained:
        each.data = each.data.to(place)
    base.hf_device_map = {"": place}  # accelerate compares it with where the rank trains
    return len(layers)


def whole(weight):
    """A weight that shard() dealt out, brought together; every rank has to call this. Others as they are."""
    return weight.full_tensor() if hasattr(weight, "full_tensor") else weight.data


def add_up_gradients_of_adapter_only(model) -> None:
    """Tell DDP that every rank has loaded the same frozen weights: it would send them around at the start."""
    from torch.nn.parallel import DistributedDataParallel

    if world() > 1:
        frozen = [name for name, each in model.named_parameters() if not each.requires_grad]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, frozen)


def totals(*values: float) -> list[float]:
    """Each value summed over all ranks. Every rank has to call this, as often as the others."""
    if world() == 1:
        return list(values)
    import torch
    import torch.distributed as dist

    summed = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(summed)
    return summed.tolist()


def any_rank(flag: bool) -> bool:
    """Whether the flag is set on some rank: all ranks get the same answer."""
    return totals(float(flag))[0] > 0


def gather(value) -> list:
    """The value of each rank, on every rank."""
    if world() == 1:
        return [value]
    import torch.distributed as dist

    found: list = [None] * world()
    dist.all_gather_object(found, value)
    return found


def is_dealt_out(channel: str) -> bool:
    """Whether each host has a share of the channel's files only (ShardedByS3Key)."""
    config = json.loads(os.environ.get("SM_INPUT_DATA_CONFIG", "{}"))
    return config.get(channel, {}).get("S3DistributionType") == "ShardedByS3Key"


def complete(folder: Path, channel: str) -> Path:
    """A folder with all files of a channel: the channel's own, or one made of the shares of all hosts.

    The hosts send each other what they have, so that S3 is read once. Every rank then deals out the same rows
    by the same plan (batches.py): hosts whose shares are not equal neither repeat rows nor lose any.
    """
    if world() == 1 or not is_dealt_out(channel):
        return folder
    whole = Path(tempfile.mkdtemp(prefix=f"{channel}-")) if local_rank() == 0 else None
    owners = _owners(folder)
    for name, (owner, size) in sorted(owners.items()):
        target = whole / name if whole else None
        if target:
            target.parent.mkdir(parents=True, exist_ok=True)
        _send(folder / name if owner == rank() else None, target, owner, size)
    places = gather((os.environ.get("SM_CURRENT_HOST"), str(whole) if whole else None))
    return next(Path(at) for host, at in places if at and host == os.environ.get("SM_CURRENT_HOST"))


def _owners(folder: Path) -> dict[str, tuple[int, int]]:
    """File name → (the rank that sends it, its bytes), of the first rank that has it."""
    mine = []
    if local_rank() == 0 and folder.is_dir():
        files = [path for path in folder.rglob("*") if path.is_file()]
        mine = [(path.relative_to(folder).as_posix(), path.stat().st_size) for path in files]
    owners: dict[str, tuple[int, int]] = {}
    for owner, files in enumerate(gather(mine)):
        for name, size in files:
            owners.setdefault(name, (owner, size))
    return owners


def _send(source: Path | None, target: Path | None, owner: int, size: int) -> None:
    """One file from its owner to every rank that has a target for it, piece by piece."""
    import torch
    import torch.distributed as dist

    read = source.open("rb") if source else None
    write = target.open("wb") if target else None
    try:
        for begin in range(0, size, PIECE_BYTES):
            length = min(PIECE_BYTES, size - begin)
            piece = torch.empty(length, dtype=torch.uint8)
            if read:
                piece = torch.frombuffer(bytearray(read.read(length)), dtype=torch.uint8)
            dist.broadcast(piece, owner)
            if write:
                write.write(piece.numpy().tobytes())
    finally:
        for file in (read, write):
            if file:
                file.close()
