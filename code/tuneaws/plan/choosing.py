"""Every way to run a job on the instances of the table, and the cheapest of them.

For each instance with GPUs, each method and each number of instances: the most rows a forward pass that fit
the memory, without checkpointing where that suffices, each GPU with a copy of the model where that fits,
else the GPUs of an instance with a part of it each (FSDP). Rows an optimizer step stay what they are,
because they decide what is learned: more GPUs than rows have nothing to do.
"""

from dataclasses import dataclass, replace

from tuneaws import prices
from tuneaws.job_costs import SETUP_S
from tuneaws.plan.measured import spread
from tuneaws.plan.rates import MEASURED_GPUS, tokens_per_s
from tuneaws.sizing.activations import Setting
from tuneaws.sizing.catalogue import BaseModel, parameters
from tuneaws.sizing.fitting import usable_gb
from tuneaws.sizing.memory import Memory
from tuneaws.sizing.sharding import sharded_memory
from tuneaws.speeds import Speed, gpu_of

# ASSUMED: how fast a model's files come from the hub or S3 and into the GPU's memory, bytes a second.
LOAD_BYTES_PER_S = 300e6
ASSUMED_SPREAD = 2.0  # the range of a speed on a GPU that no run of measured.py was on: half to double


class PlanError(LookupError):
    """Nothing fits; the message says what to change."""


@dataclass(frozen=True)
class Answer:
    """One way to run a job.

    setting     its rows are of one GPU and forward pass
    in_parts    the GPUs of an instance hold one model together; else each has a copy
    need        memory of one GPU          usable_gb  what it has
    hours       of the job, loading and all; low and high by the spread of the measured runs
    usd_per_hour  of all instances; None: no price was seen in that region
    """

    model: str
    instance_type: str
    instances: int
    gpu: str
    gpus: int
    setting: Setting
    in_parts: bool
    need: Memory
    usable_gb: float
    tokens_per_s: float
    hours: float
    low_hours: float
    high_hours: float
    usd_per_hour: float | None

    @property
    def usd(self) -> float | None:
        """Dollars of the job, likely."""
        return None if self.usd_per_hour is None else self.hours * self.usd_per_hour

    @property
    def is_measured(self) -> bool:
        """Whether runs on this GPU are among those that the rates come from."""
        return self.gpu in MEASURED_GPUS

    def __str__(self) -> str:
        s = self.setting
        how = "a part of the model on each GPU (FSDP)" if self.in_parts else "a copy of the model on each GPU"
        cost = "no price seen in that region" if self.usd is None else \
            f"{self.usd:.2f} USD ({self.usd_per_hour * self.low_hours:.2f} to " \
            f"{self.usd_per_hour * self.high_hours:.2f})"
        return "\n".join([
            f"{self.model}: {self.instances} x {self.instance_type}, {self.gpus} {self.gpu}, {how}",
            f"{s.method}, {s.rows} rows × {s.tokens} tokens a forward pass"
            + (", activations computed twice" if s.checkpointing else ""),
            f"memory of a GPU  {self.need.likely_gb:.1f} GB of {self.usable_gb:.1f} "
            f"({self.need.low_gb:.1f} to {self.need.high_gb:.1f})",
            f"speed            {self.tokens_per_s:,.0f} tokens a second, "
            + ("by runs measured on this GPU" if self.is_measured else "ASSUMED for this GPU"),
            f"time             {self.hours:.2f} hours ({self.low_hours:.2f} to {self.high_hours:.2f})",
            f"cost             {cost}",
        ])


def answers(model: BaseModel, tokens: float, region: str = "us-east-1", row_tokens: int = 1024,
            rows_a_step: int = 16, methods: tuple = ("qlora", "lora"), instances: tuple = (1, 2, 4),
            rank: int = 16, labels: float = 1.0) -> list[Answer]:
    """Every way to train on so many tokens, the cheapest first, those without a price last.

    tokens       of all epochs          row_tokens  of the longest row
    rows_a_step  of an optimizer step, over all GPUs
    instances    the numbers of instances to look at
    labels       share of the tokens with a label
    Raises       PlanError if nothing fits
    """
    found = []
    for name, (_, _, gpus, gpu, _, _) in prices.INSTANCES.items():
        for method in methods if gpus else ():
            base = Setting(method, row_tokens, 1, rank=rank, padded=False, labels=labels)
            for count in instances:
                answer = _answer(model, base, name, gpu, gpus, count, tokens, rows_a_step, region)
                if answer:
                    found.append(answer)
    if not found:
        raise PlanError(f"{model.name} fits no instance of the table with rows of {row_tokens} tokens and "
                        f"{', '.join(methods)}.\nFix: shorter rows, qlora, or a smaller model")
    return sorted(found, key=lambda answer: (answer.usd is None, answer.usd or answer.hours))


def _answer(model, base: Setting, name: str, gpu: str, gpus: int, count: int, tokens: float,
            rows_a_step: int, region: str) -> Answer | None:
    """The fastest way on so many instances of one type; None if it does not fit or has GPUs to spare."""
    if gpus * count > rows_a_step:
        return None
    usable, most, best = usable_gb(name), rows_a_step // (gpus * count), None
    for in_parts in (False, True) if gpus > 1 else (False,):
        for setting in _settings(base, most):
            need = sharded_memory(model, setting, gpus if in_parts else 1)
            if need.high_gb > usable:
                continue
            speed = count * tokens_per_s(model, setting, gpu, gpus, in_parts)
            if best is None or speed > best[0]:
                best = speed, setting, in_parts, need
    if best is None:
        return None
    speed, setting, in_parts, need = best
    around_s = SETUP_S + 2 * parameters(model) / LOAD_BYTES_PER_S
    factor = _factor(gpu)
    hours = [(around_s + tokens / rate) / 3600 for rate in (speed, speed * factor, speed / factor)]
    usd = _usd_per_hour(name, region)
    return Answer(model.name, name, count, gpu, gpus, setting, in_parts, need, usable, speed, *hours,
                  usd_per_hour=None if usd is None else usd * count)


def _settings(base: Setting, most: int):
    """Rows a forward pass that divide a GPU's share of a step, with and without checkpointing."""
    for rows in (rows for rows in (32, 16, 8, 4, 2, 1) if rows <= most):
        for checkpointing in (False, True):
            yield replace(base, rows=rows, checkpointing=checkpointing)


def speed(model: BaseModel, instance_type: str, setting: Setting) -> Speed:
    """The speed of one GPU of an instance, as job_costs.before() takes it: the rates of answers().

    setting  such as Setting("qlora", 1024, 4, padded=False)
    Raises   prices.PriceError for an instance without a GPU, or one that is not in the table
    """
    gpu = gpu_of(instance_type)
    likely, factor = tokens_per_s(model, setting, gpu), _factor(gpu)
    known = "by runs measured on this GPU" if gpu in MEASURED_GPUS else "ASSUMED for this GPU"
    return Speed(likely / factor, likely, likely * factor, f"planned for {model.name} on one {gpu}, {known}")


def _factor(gpu: str) -> float:
    """From the likely speed to the fast one, and to the slow one."""
    return spread() if gpu in MEASURED_GPUS else ASSUMED_SPREAD


def _usd_per_hour(instance_type: str, region: str) -> float | None:
    try:
        return prices.training_price(instance_type, region).usd_per_hour
    except prices.PriceError:
        return None


def best(found: list[Answer], hours: float | None = None, usd: float | None = None) -> Answer:
    """The cheapest answer that is done in so many hours, or the fastest for so many dollars, at its high end.

    Raises  PlanError if there is none, with the nearest one
    """
    priced = [answer for answer in found if answer.usd is not None]
    if usd is not None:
        fit = [each for each in priced if each.usd_per_hour * each.high_hours <= usd]
        fit.sort(key=lambda each: each.hours)
        nearest = min(priced, key=lambda each: each.usd, default=None)
    else:
        fit = [each for each in priced if hours is None or each.high_hours <= hours]
        nearest = min(priced, key=lambda each: each.hours, default=None)
    if not fit:
        wanted = f"{usd:.2f} USD" if usd is not None else f"{hours} hours"
        raise PlanError(f"nothing with a known price is done within {wanted}. Nearest:\n{nearest}\n"
                        "Fix: more hours or dollars, shorter rows, a smaller model, or another region")
    return fit[0]


def table(found: list[Answer], only_best: bool = True) -> list[dict]:
    """Rows for a lesson; only_best: of each instance type the cheapest way."""
    rows, seen = [], set()
    for answer in found:
        if only_best and answer.instance_type in seen:
            continue
        seen.add(answer.instance_type)
        s = answer.setting
        rows.append({
            "instance": f"{answer.instances} x {answer.instance_type}",
            "GPUs": f"{answer.instances * answer.gpus} x {answer.gpu}", "method": s.method,
            "model": "in parts" if answer.in_parts else "a copy each", "rows": s.rows,
            "GB": f"{answer.need.likely_gb:.1f} of {answer.usable_gb:.1f}",
            "tokens/s": round(answer.tokens_per_s),
            "hours": f"{answer.hours:.2f} ({answer.low_hours:.2f}-{answer.high_hours:.2f})",
            "USD": None if answer.usd is None else round(answer.usd, 2),
            "speed": "by measured runs" if answer.is_measured else "assumed",
        })  # fmt: skip
    return rows
