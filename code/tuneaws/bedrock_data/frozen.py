"""The course's frozen rows, which every model is trained and measured on, as files for a family of models."""

from dataclasses import dataclass
from pathlib import Path

from tuneaws import buckets
from tuneaws.bedrock_data.check import CheckReport, check
from tuneaws.bedrock_data.convert import ConvertReport, convert
from tuneaws.bedrock_data.families import Family
from tuneaws.bedrock_data.split import SplitReport, split

ROWS = ("train", "validation", "test")


@dataclass
class Prepared:
    """Files that are ready to upload, and how they came about. print() it."""

    training: Path
    validation: Path | None
    converted: dict[str, ConvertReport]
    parts: SplitReport
    checked: CheckReport

    def __str__(self) -> str:
        return "\n".join(map(str, [*self.converted.values(), self.parts, self.checked]))


def from_frozen_rows(s3, rows: dict, folder, family: Family) -> Prepared:
    """Make training and validation file of the rows that handover.find_or_make_rows() returns.

    rows    {"train": "s3://b/p/train/", "validation": ..., "test": ...}; what is asked in the test set is in
            neither file
    folder  for the files; about ten megabytes for 15,000 rows
    Raises  BedrockDataError
    """
    sources = {}
    for name in ROWS:
        bucket, prefix = buckets.split_uri(rows[name])
        sources[name] = Path(folder) / "rows" / f"{name}.jsonl"
        sources[name].parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, f"{prefix}{name}.jsonl", str(sources[name]))
    return from_files(sources, folder, family)


def from_files(sources: dict, folder, family: Family) -> Prepared:
    """Like from_frozen_rows(), of files that are here: {"train": path, "validation": path, "test": path}."""
    folder = Path(folder)
    converted = {name: convert(sources[name], folder / "records" / f"{name}.jsonl", family) for name in ROWS}
    paths = {name: report.path for name, report in converted.items()}
    validation = paths["validation"] if family.validation else None
    parts = split(paths["train"], folder / family.name, family, validation=validation, held_out=paths["test"])
    checked = check(parts.training, family, parts.validation)
    checked.raise_if_wrong()
    return Prepared(parts.training, parts.validation, converted, parts, checked)
