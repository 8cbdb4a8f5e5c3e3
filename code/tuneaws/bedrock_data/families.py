"""What each family of Bedrock models wants: a record's schema, how many, how long, which hyperparameters.

    nova = family("amazon.nova-micro-v1:0")         # or its ARN, or "us.amazon.nova-micro-v1:0"
    nova.schema, nova.max_records, nova.max_tokens  # "conversation", 20000, 32000

Sources, read 2026-11. Records, tokens, file sizes: "Model requirements for training and validation datasets"
in https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-prepare.html. Nova's: AWS's own
nova_ft_dataset_validator.py (github.com/aws-samples/amazon-nova-samples, customization/bedrock-finetuning/
understanding/dataset_validation) and https://docs.aws.amazon.com/nova/latest/userguide/
fine-tune-prepare-data-understanding.html. Hyperparameters:
https://docs.aws.amazon.com/bedrock/latest/userguide/custom-models-hp.html.
"""

import re
from dataclasses import dataclass, field

__all__ = ["FAMILIES", "SCHEMA_VERSION", "BedrockDataError", "Family", "Hyperparameter", "family"]

SCHEMA_VERSION = "bedrock-conversation-2024"
# "Use approximately 6 characters per token to estimate the number of tokens", and "Character quota per
# sample: token quota x 6 (estimated)" (model-customization-prepare.html, 2026-11). Tokenizers are not public.
CHARACTERS_PER_TOKEN = 6
# The page names no size for Llama and Nova; chosen: the largest object that one S3 PUT takes, 5 GB
# (https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html, 2026-11).
ONE_PUT = 5 * 1024**3


class BedrockDataError(ValueError):
    """The model is not known, or there is nothing to write; the message says what to do."""


@dataclass(frozen=True)
class Hyperparameter:
    """What one of hyperParameters may be. AWS takes and returns all of them as strings."""

    low: float
    high: float
    default: str
    whole: bool = True


@dataclass(frozen=True)
class Family:
    """The rules of one family.

    schema               "conversation" or "prompt-completion"
    models               a regular expression for the ids without region prefix and context length
    min_records          in the training file, or with `together` in both files
    max_records          in training and validation file together; a quota that AWS raises on request
    max_tokens           of one record, input and output
    schema_version       None: any string will do (Nova); else it must be this
    max_validation       in the validation file; None: no limit of its own
    max_system           texts in "system" at most; None: any number
    reserved             texts that no record may hold, whatever their case
    """

    name: str
    schema: str
    models: str
    min_records: int
    max_records: int
    max_tokens: int
    hyperparameters: dict = field(repr=False)
    together: bool = True
    schema_version: str | None = None
    max_validation: int | None = None
    max_system: int | None = None
    reserved: tuple = ()
    validation: bool = True
    training_bytes: int = ONE_PUT
    validation_bytes: int = ONE_PUT

    @property
    def max_characters(self) -> int:
        """Characters of one record: AWS's own estimate of its token limit."""
        return self.max_tokens * CHARACTERS_PER_TOKEN

    def __str__(self) -> str:
        return (f"{self.name}: {self.schema} records, {self.min_records:,} to {self.max_records:,} of them, "
                f"{self.max_tokens:,} tokens each (about {self.max_characters:,} characters)")


# The seven of the Nova page, and "<unk>" of AWS's validator, which looks for them anywhere, in any case, in
# every text. Its "Thought:" never matches there: a comma is missing in its list (2026-11).
RESERVED = ("System:", "User:", "Bot:", "Assistant:", "[EOS]", "<image>", "<video>", "<unk>")

NOVA = {"epochCount": Hyperparameter(1, 5, "2"), "learningRate": Hyperparameter(1e-6, 1e-4, "0.00001", False),
        "learningRateWarmupSteps": Hyperparameter(0, 100, "10")}
LLAMA = {"epochCount": Hyperparameter(1, 10, "5"), "batchSize": Hyperparameter(1, 1, "1"),
         "learningRate": Hyperparameter(5e-6, 0.1, "0.0001", False)}
TITAN = {"epochCount": Hyperparameter(1, 10, "5"), "batchSize": Hyperparameter(1, 64, "1"),
         "learningRate": Hyperparameter(0.0, 1e-5, "0.00001", False),
         "learningRateWarmupSteps": Hyperparameter(0, 250, "5")}
PREMIER = {"epochCount": Hyperparameter(1, 5, "2"), "batchSize": Hyperparameter(1, 1, "1"),
           "learningRate": Hyperparameter(1e-7, 1e-5, "0.000001", False),
           "learningRateWarmupSteps": Hyperparameter(0, 20, "5")}
# One system text and 1,000 validation records: AWS's dataset_validation.py for Llama (github.com/aws-samples/
# amazon-bedrock-samples, custom-models/bedrock-fine-tuning/meta-llama/dataset_validation).
LLAMA_FILES = {"max_validation": 1_000, "max_system": 1}
# Titan's smallest number of records is not documented; chosen: Llama's 100. "1 GB" and "100 MB" may be either
# kind; chosen: the smaller one.
TITAN_FILES = {"training_bytes": 10**9, "validation_bytes": 10**8}

FAMILIES = {each.name: each for each in (
    Family("nova", "conversation", r"amazon\.nova-(micro|lite|pro)-v1", 8, 20_000, 32_000, NOVA,
           together=False, reserved=RESERVED),
    # Nova 2: at least 200, and no validation file (AWS's validator, validate_dataset_level).
    Family("nova2", "conversation", r"amazon\.nova-2-lite-v1", 200, 20_000, 32_000, NOVA,
           together=False, reserved=RESERVED, validation=False),
    Family("llama3.3", "conversation", r"meta\.llama3-3-\w+-instruct-v1", 100, 10_000, 16_000, LLAMA,
           schema_version=SCHEMA_VERSION, **LLAMA_FILES),
    Family("llama3.2", "conversation", r"meta\.llama3-2-\w+-instruct-v1", 100, 10_000, 16_000, LLAMA,
           schema_version=SCHEMA_VERSION, **LLAMA_FILES),
    Family("llama3.1", "prompt-completion", r"meta\.llama3-1-\w+-instruct-v1", 100, 10_000, 16_000, LLAMA,
           **LLAMA_FILES),
    Family("titan", "prompt-completion", r"amazon\.titan-text-(lite|express)-v1", 100, 10_000, 4_096, TITAN,
           **TITAN_FILES),
    Family("titan-premier", "prompt-completion", r"amazon\.titan-text-premier-v1", 100, 10_000, 4_096,
           PREMIER, **TITAN_FILES),
)}


def family(model_id: str) -> Family:
    """Return the family of a model: an id, an ARN, an inference profile, or a family's own name.

    Raises  BedrockDataError with the families that are known
    """
    if model_id in FAMILIES:
        return FAMILIES[model_id]
    bare = model_id.rpartition("/")[2]
    bare = re.sub(r"^(us|eu|apac|global|us-gov|jp|au|ca)\.(?=\w+\.)", "", bare)
    for each in FAMILIES.values():
        if re.match(rf"({each.models})(:|$)", bare):
            return each
    known = "\n".join(f"  {each}" for each in FAMILIES.values())
    raise BedrockDataError(f"the data rules of {model_id!r} are not known here. Known families:\n{known}\n"
                           'Fix: take one of those, such as "amazon.nova-micro-v1:0"')
