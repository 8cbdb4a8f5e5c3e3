"""What a run measured, what it is held to, and the two files that keep it: results.json and report.md."""

import importlib.metadata
import json
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

import psutil

VERSIONS = ("boto3", "moto", "waitress", "torch", "transformers", "peft", "bitsandbytes", "papermill")
HEAD = ("Section", "What", "Measured", "Limit", "")


class BenchError(RuntimeError):
    """A section could not be measured; the message says what happened and where to look."""


@dataclass
class Figure:
    """One measured value.

    unit    s, MB, ms, x (a ratio), rows/s, tokens/s     limit   the most it may be; None: held to nothing
    detail  what it was made of                          samples {"pocketaws": [0.004, …], …}, seconds
    """

    section: str
    what: str
    value: float
    unit: str
    limit: float | None = None
    detail: str = ""
    samples: dict = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """OK, OVER, or nothing where there is no limit. A value that is no number is OVER."""
        if self.limit is None:
            return ""
        return "OK" if self.value <= self.limit else "OVER"


@dataclass
class Report:
    """Everything of one run. failed is {section: why it has no figures}."""

    date: str
    machine: dict
    figures: list[Figure] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    took_s: float = 0.0

    @property
    def exit_code(self) -> int:
        """1 when a figure is over its limit or a section failed."""
        return int(bool(self.failed) or any(figure.verdict == "OVER" for figure in self.figures))


def amount(value: float, unit: str) -> str:
    """amount(0.0042, "ms") is a value of 0.0042 ms; ratios get two digits, large values a comma."""
    digits = 0 if abs(value) >= 100 else 3 if unit == "nats" else 2 if unit in ("x", "s", "ms") else 1
    return f"{value:,.{digits}f} {unit}".replace(" x", " ×")


def cells(figure: Figure) -> tuple[str, ...]:
    """One row of the table, in the order of HEAD."""
    limit = "" if figure.limit is None else f"≤ {figure.limit:g} {figure.unit}".replace(" x", " ×")
    return figure.section, figure.what, amount(figure.value, figure.unit), limit, figure.verdict


def table(figures: list[Figure]) -> str:
    """The figures as lines of text, columns aligned, each detail below its row."""
    rows = [cells(figure) for figure in figures]
    widths = [max(len(row[at]) for row in [HEAD, *rows]) for at in range(len(HEAD))]
    lines = [_aligned(HEAD, widths)]
    for row, figure in zip(rows, figures, strict=True):
        lines.append(_aligned(row, widths))
        if figure.detail:
            lines.append(f"{'':{widths[0] + 4}}{figure.detail}")
    return "\n".join(lines)


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def markdown(report: Report) -> str:
    """The whole report as Markdown: when, on what, the table, what failed."""
    lines = [f"Measured {report.date}, in {report.took_s:.0f} s.", ""]
    lines += [f"- {name}: {value}" for name, value in report.machine.items()]
    lines += ["", f"| {' | '.join((*HEAD, 'Made of'))} |", "| --- | --- | ---: | ---: | --- | --- |"]
    lines += [f"| {' | '.join((*cells(figure), figure.detail))} |" for figure in report.figures]
    lines += [f"\n**{section} has no figures**: {why}" for section, why in report.failed.items()]
    return "\n".join(lines) + "\n"


def write(report: Report, out: Path) -> Path:
    """Write out/results.json and out/report.md; return the path of the second."""
    out.mkdir(parents=True, exist_ok=True)
    figures = [{**vars(figure), "verdict": figure.verdict} for figure in report.figures]
    document = {**vars(report), "figures": figures, "exit_code": report.exit_code}
    (out / "results.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    path = out / "report.md"
    path.write_text(markdown(report), encoding="utf-8")
    return path


def machine(watched_s: float = 2.0) -> dict[str, str]:
    """Processor, memory, versions, and what others do on this machine now, watched for some seconds."""
    busy = psutil.cpu_percent(interval=watched_s)
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return {
        "Processor": f"{os.cpu_count()} cores, {processor()}",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.0f} GB",
        "System": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Software": ", ".join([python, *(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)]),
        "Before the start": f"{busy:.0f} % of the cores busy with other things, load average {load}",
    }


def processor() -> str:
    """The processor's name as the system gives it, with what matters most for 4-bit training."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    name = names[0] if names else platform.machine()
    return f"{name} with AVX512-BF16" if "avx512_bf16" in text else name
