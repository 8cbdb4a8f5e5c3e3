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
        "BatchAddClusterNodes", "CreateAIBenchmarkJob", "CreateAIRecommendationJob", "CreateApp",
        "CreateAutoMLJob", "CreateAutoMLJobV2", "CreateCluster", "CreateCompilationJob", "CreateFeatureGroup",
        "CreateInferenceComponent", "CreateInferenceExperiment", "CreateInferenceRecommendationsJob",
        "CreateJob", "CreateLabelingJob", "CreateMlflowApp", "CreateMlflowTrackingServer",
        "CreateMonitoringSchedule", "CreateNotebookInstance", "CreateOptimizationJob", "CreatePartnerApp",
        "CreateTrainingPlan", "CreateTrainingSession", "CreateTransformJob", "ExtendTrainingPlan",
        "RetryPipelineExecution", "StartInferenceExperiment", "StartMlflowTrackingServer",
        "StartMonitoringSchedule", "StartNotebookInstance", "StartPipelineExecution", "UpdateCluster",
        "UpdateMlflowTrackingServer", "UpdateNotebookInstance")),
    *(("bedrock", name) for name in (
        "CreateAdvancedPromptOptimizationJob", "CreateCustomModel", "CreateEvaluationJob",
        "CreateMarketplaceModelEndpoint", "CreateModelCopyJob", "CreateModelInvocationJob",
        "RegisterMarketplaceModelEndpoint", "StartAutomatedReasoningPolicyBuildWorkflow",
        "StartAutomatedReasoningPolicyTestWorkflow", "UpdateMarketplaceModelEndpoint",
        "UpdateProvisionedModelThroughput")),
    *(("bedrock-runtime", name) for name in (
        "ApplyGuardrail", "InvokeGuardrailChecks", "InvokeModelWithBidirectionalStream", "StartAsyncInvoke")),
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
