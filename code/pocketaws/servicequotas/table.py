"""Every quota of SageMaker that this local AWS holds, with its code.

Names and values are those of sagemaker/quotas.py, so that Service Quotas and a refusal say the same, whatever
quotas.json of this home rehearses.

CODES are AWS's own, for the types that the course uses and as far as they were found in public lists, read
2026-11: guides of labs and inventories that quote the Service Quotas console. A code means the same quota in
every account and region. The code of any other quota is made from its name and is not AWS's: look a quota up
by its name.
"""

import functools
import hashlib

from pocketaws import models
from pocketaws.sagemaker import quotas

SERVICE, SERVICE_NAME = "sagemaker", "Amazon SageMaker"
CODES = {
    "Number of instances across all training jobs": "L-00C91CB5",
    "Number of instances across active endpoints": "L-7A3DF611",
    "ml.g4dn.xlarge for spot training job usage": "L-944F78BB",
    "ml.g4dn.xlarge for training warm pool usage": "L-955074FD",
    "ml.g5.xlarge for training job usage": "L-B6D80D9C",
    "ml.g5.xlarge for endpoint usage": "L-1928E07B",
    "ml.g5.xlarge for training warm pool usage": "L-8E6F4665",
    "ml.g5.2xlarge for training job usage": "L-2D6DEB3C",
    "ml.g5.2xlarge for spot training job usage": "L-CAEE7DB7",
    "ml.g5.2xlarge for training warm pool usage": "L-822C5A39",
    "ml.g5.4xlarge for training warm pool usage": "L-88E48241",
    "ml.g5.12xlarge for spot training job usage": "L-03E19172",
    "ml.g5.12xlarge for endpoint usage": "L-65C4BD00",
    "ml.g5.12xlarge for training warm pool usage": "L-29508C65",
    "ml.g6.xlarge for training job usage": "L-56AE9D73",
    "ml.g6.xlarge for endpoint usage": "L-D470D954",
    "ml.g6.2xlarge for training warm pool usage": "L-8F92321F",
    "ml.g6.12xlarge for training warm pool usage": "L-954CE822",
    "ml.g6.48xlarge for training job usage": "L-8CCF67BD",
    "ml.g6e.xlarge for endpoint usage": "L-B0729CB4",
    "ml.g6e.2xlarge for endpoint usage": "L-F8D7F460",
    "ml.m5.xlarge for spot training job usage": "L-4CEE6BA6",
    "ml.m5.xlarge for endpoint usage": "L-2F737F8D",
    "ml.m5.xlarge for training warm pool usage": "L-0BEF44E8",
}
TRAINING = ("training job usage", "spot training job usage", "training warm pool usage")


def names(home) -> list[str]:
    """The names of all quotas, in the order of their codes, as AWS lists them."""
    return sorted({*_names(), *quotas.rehearsed(home)}, key=code)


@functools.cache
def _names() -> tuple[str, ...]:
    sagemaker = models.service_model("sagemaker")
    training = sagemaker.shape_for("TrainingInstanceType").enum
    hosting = sagemaker.shape_for("ProductionVariantInstanceType").enum
    return (
        *quotas.DEFAULTS,
        *(f"{kind} for {usage}" for kind in training for usage in TRAINING),
        *(f"{kind} for endpoint usage" for kind in hosting),
    )


def code(name: str) -> str:
    """The code of a quota: AWS's if it is known here, else one made from the name."""
    return CODES.get(name) or f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"


def applied(home, name: str) -> int:
    """The value that is in force in this home."""
    return quotas.rehearsed(home).get(name, default(name))


def default(name: str) -> int:
    """The value without any rehearsal: this local AWS's, not AWS's own, which is 0 for most GPU types."""
    return quotas.DEFAULTS.get(name, quotas.DEFAULT_INSTANCES)


def entry(name: str, value: float, region: str, account: str) -> dict:
    """A ServiceQuota. account: "" in the ARN of a default, as AWS writes it."""
    quota_code = code(name)
    return {
        "ServiceCode": SERVICE,
        "ServiceName": SERVICE_NAME,
        "QuotaArn": f"arn:aws:servicequotas:{region}:{account}:{SERVICE}/{quota_code}",
        "QuotaCode": quota_code,
        "QuotaName": name,
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
        "QuotaAppliedAtLevel": "ACCOUNT",
    }
