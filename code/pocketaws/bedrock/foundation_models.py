"""The foundation models that Bedrock offers: a dated table, foundation_models.json, with its sources in it.

    model = find("amazon.nova-micro-v1:0:128k", "us-east-1")
    model.family, model.customizations, model.phase(date.today())

What a model is called, what it can do, where and until when are AWS's facts; the table has what a course on
tuning needs, not all that Bedrock has. What answers in the local AWS is another thing: one small model stands
in for all of them, see served_models.py.
"""

import functools
import json
from dataclasses import dataclass, field
from datetime import date, datetime, time, timezone
from pathlib import Path

from pocketaws.keeping import json_values

TABLE = Path(__file__).with_suffix(".json")
DAYS = ("starts_on", "legacy_on", "ends_on")
ACTIVE, LEGACY, ENDED = "ACTIVE", "LEGACY", "ENDED"


@dataclass(frozen=True)
class FoundationModel:
    """One row of the table: a model id, such as "amazon.nova-micro-v1:0".

    family            "nova", "llama3.1", "titan", …: which rules its training data keep, see `limits`
    regions           where it is offered under this id
    customizations    FINE_TUNING, CONTINUED_PRE_TRAINING, DISTILLATION
    inference_types   ON_DEMAND, PROVISIONED; none for a model that is called by inference profile only
    custom_on_demand  whether a model tuned from it can be deployed on demand
    context_tokens    prompt and answer together
    output_tokens     the longest answer
    starts_on, legacy_on, ends_on   the first day of each phase; None when not announced
    profiles          {"us": regions in which its inference profile us.<id> is called}
    provisioned_usd_an_hour         of one model unit without commitment; None when not known
    """

    id: str
    name: str
    provider: str
    family: str
    regions: tuple[str, ...]
    inputs: tuple[str, ...] = ("TEXT",)
    outputs: tuple[str, ...] = ("TEXT",)
    streaming: bool = True
    customizations: tuple[str, ...] = ()
    inference_types: tuple[str, ...] = ("ON_DEMAND",)
    custom_on_demand: bool = False
    context_tokens: int = 128_000
    output_tokens: int = 4_096
    starts_on: date | None = None
    legacy_on: date | None = None
    ends_on: date | None = None
    profiles: dict[str, list[str]] = field(default_factory=dict)
    provisioned_usd_an_hour: float | None = None

    def arn(self, region: str) -> str:
        """Its ARN in a region; foundation models are of no account."""
        return f"arn:aws:bedrock:{region}::foundation-model/{self.id}"

    def phase(self, today: date) -> str:
        """ACTIVE, LEGACY or ENDED on a day."""
        if self.ends_on is not None and today >= self.ends_on:
            return ENDED
        return LEGACY if self.legacy_on is not None and today >= self.legacy_on else ACTIVE

    @property
    def limits(self) -> dict:
        """What its family asks of a customization: {"schema": "conversation", "min_records": 8, …}."""
        return families().get(self.family, {})

    def details(self, region: str, phase: str) -> dict:
        """A FoundationModelDetails, which is a FoundationModelSummary too."""
        lifecycle: dict = {"status": phase}
        for name, day in (("startOfLifeTime", self.starts_on), ("legacyTime", self.legacy_on),
                          ("endOfLifeTime", self.ends_on)):  # fmt: skip
            if day is not None:
                lifecycle[name] = datetime.combine(day, time(), timezone.utc)
        return {
            "modelArn": self.arn(region),
            "modelId": self.id,
            "modelName": self.name,
            "providerName": self.provider,
            "inputModalities": list(self.inputs),
            "outputModalities": list(self.outputs),
            "responseStreamingSupported": self.streaming,
            "customizationsSupported": list(self.customizations),
            "inferenceTypesSupported": list(self.inference_types),
            "modelLifecycle": lifecycle,
        }


@functools.cache
def _content() -> dict:
    return json.loads(TABLE.read_text(encoding="utf-8"))


@functools.cache
def families() -> dict:
    """{family: what it asks of training data and hyperparameters}."""
    return _content()["families"]


@functools.cache
def every() -> tuple[FoundationModel, ...]:
    """All rows of the table, in its order."""
    return tuple(_row(row) for row in _content()["models"])


def _by_id(identifier: str) -> FoundationModel:
    row = next((row for row in every() if row.id == identifier), None)
    if row is None:
        raise json_values.Unreadable(f"the table has no model {identifier}")
    return row


json_values.kind(FoundationModel, lambda row: row.id, _by_id)  # what is kept of a row is its id


def _row(row: dict) -> FoundationModel:
    days = {name: date.fromisoformat(row[name]) for name in DAYS if name in row}
    lists = {name: tuple(value) for name, value in row.items() if isinstance(value, list)}
    return FoundationModel(**{**row, **lists, **days})


def find(identifier: str, region: str) -> FoundationModel | None:
    """The row of a model id or of a foundation model's ARN in this region, None when it has none."""
    prefix = f"arn:aws:bedrock:{region}::foundation-model/"
    wanted = identifier.removeprefix(prefix)
    return next((row for row in every() if row.id == wanted and region in row.regions), None)


def find_by_profile(identifier: str, region: str, account: str) -> tuple[FoundationModel, str] | None:
    """(row, "us") of an inference profile's id or ARN in this region, None when it has none."""
    wanted = identifier.removeprefix(f"arn:aws:bedrock:{region}:{account}:inference-profile/")
    prefix, _, rest = wanted.partition(".")
    for row in every():
        if row.id == rest and region in row.profiles.get(prefix, []):
            return row, prefix
    return None
