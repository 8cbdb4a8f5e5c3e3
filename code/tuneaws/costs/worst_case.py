"""What a call can cost at worst, from its request alone: what the guard asks before anything is sent.

    worst = of("sagemaker", "CreateTrainingJob", request, asker)
    worst.usd, worst.because        # 1.408, "1 x ml.g5.xlarge, at most 3,600 s"

None for a call that bills nothing. A worst case that nobody can name has usd None, and the guard refuses it.
What bills until it is deleted and has no time to live counts for a month. Storage and traffic are not in it.
"""

from __future__ import annotations

from tuneaws.costs import worst_machines, worst_models
from tuneaws.costs.asking import Asker, Worst
from tuneaws.costs.worst_models import ANSWERS, tokens_at_most

__all__ = ["ANSWERS", "BILLS", "Asker", "Worst", "of", "tokens_at_most"]

PRICED = {**worst_machines.PRICED, **worst_models.PRICED}
# They start machines or bill by what they process, and the course has no use for them.
UNKNOWN = {
    *(("sagemaker", name) for name in (
        "CreateApp", "CreateAutoMLJob", "CreateAutoMLJobV2", "CreateCluster", "CreateCompilationJob",
        "CreateInferenceComponent", "CreateInferenceExperiment", "CreateInferenceRecommendationsJob",
        "CreateLabelingJob", "CreateMlflowApp", "CreateMlflowTrackingServer", "CreateMonitoringSchedule",
        "CreateNotebookInstance", "CreateOptimizationJob", "CreatePartnerApp", "CreateTrainingPlan",
        "CreateTransformJob", "StartNotebookInstance", "StartMlflowTrackingServer",
        "StartPipelineExecution")),
    *(("bedrock", name) for name in (
        "CreateEvaluationJob", "CreateMarketplaceModelEndpoint", "CreateModelInvocationJob",
        "UpdateProvisionedModelThroughput")),
}  # fmt: skip
BILLS = PRICED.keys() | UNKNOWN


def of(service: str, operation: str, params: dict, asker: Asker) -> Worst | None:
    """The worst case of one call; None if it bills nothing."""
    find = PRICED.get((service, operation))
    if find is not None:
        return find(params, asker)
    if (service, operation) in UNKNOWN:
        return Worst(None, f"{operation} bills, and this course can't say how much")
    return None
