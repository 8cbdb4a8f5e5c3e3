"""SageMaker and its runtime: an action has its operation's name; which resource, and what else it asks for.

From "Actions, resources, and condition keys for Amazon SageMaker", Service Authorization Reference, 2026-11.
Tags at creation need sagemaker:AddTags too
(https://docs.aws.amazon.com/sagemaker/latest/dg/security-iam-awsmanpol.html, 2026-11).
"""

import re

from pocketaws.iam.actions.ask import Ask, Place, pass_role, tag_keys, tags_in

SERVICE = "sagemaker.amazonaws.com"
# what an operation is about → (kind in the ARN, member that names it)
KINDS = {
    "TrainingJob": ("training-job", "TrainingJobName"),
    "HyperParameterTuningJob": ("hyper-parameter-tuning-job", "HyperParameterTuningJobName"),
    "Model": ("model", "ModelName"),
    "EndpointConfig": ("endpoint-config", "EndpointConfigName"),
    "Endpoint": ("endpoint", "EndpointName"),
    "ModelPackageGroup": ("model-package-group", "ModelPackageGroupName"),
    "ModelPackage": ("model-package", "ModelPackageName"),
    "Experiment": ("experiment", "ExperimentName"),
    "Trial": ("experiment-trial", "TrialName"),
    "TrialComponent": ("experiment-trial-component", "TrialComponentName"),
}
# operation → the things it is about, where they are not in its name
ABOUT = {
    "AssociateTrialComponent": ("Trial", "TrialComponent"),
    "DisassociateTrialComponent": ("Trial", "TrialComponent"),
    "CreateEndpoint": ("Endpoint", "EndpointConfig"),
    "UpdateEndpoint": ("Endpoint", "EndpointConfig"),
    "UpdateEndpointWeightsAndCapacities": ("Endpoint",),
    "InvokeEndpoint": ("Endpoint",),
    "InvokeEndpointAsync": ("Endpoint",),
    "InvokeEndpointWithResponseStream": ("Endpoint",),
    "CreateTrial": ("Trial", "Experiment"),
    "ListTrainingJobsForHyperParameterTuningJob": ("HyperParameterTuningJob",),
}
TUNED, WARM = "HyperParameterTuningResourceConfig", "KeepAlivePeriodInSeconds"
TAGS = ("AddTags", "DeleteTags", "ListTags")


def asks(operation: str, request: dict, place: Place) -> list[Ask]:
    """The asks of a SageMaker operation, of its runtime too."""
    tags = tags_in(request, "Tags")
    keys = {**tag_keys(tags), **_keys(operation, request)}
    action, found = f"sagemaker:{operation}", resources(operation, request, place)
    asked = [Ask(action, resource, keys) for resource in found]
    if operation.startswith("Create") and tags:
        tagging = {**tag_keys(tags), "sagemaker:taggingaction": [operation]}
        asked.append(Ask("sagemaker:AddTags", found[0], tagging))
    for role in _roles(operation, request):
        asked += pass_role(role, SERVICE)
    return asked


def resources(operation: str, request: dict, place: Place) -> list[str]:
    """The ARNs that an operation is about; ["*"] for one that knows no resource, such as ListModels."""
    if operation in TAGS:
        return [request.get("ResourceArn", "*")]
    if operation in ("BatchPutMetrics", "BatchGetMetrics"):
        return _of_metrics(request, place)
    if operation == "BatchDescribeModelPackage":
        return list(request.get("ModelPackageArnList", [])) or ["*"]
    about = ABOUT.get(operation) or _in_name(operation)
    if operation == "ListModelPackages" and request.get("ModelPackageGroupName"):
        name = request["ModelPackageGroupName"].rpartition("/")[2]
        return [place.arn("sagemaker", f"model-package/{name.lower()}/*")]
    return [_arn(what, request, place) for what in about] or ["*"]


def _in_name(operation: str) -> tuple:
    what = re.fullmatch(r"(?:Create|Describe|Update|Delete|Stop)(\w+)", operation)
    return (what[1],) if what and what[1] in KINDS else ()


def _arn(what: str, request: dict, place: Place) -> str:
    kind, member = KINDS[what]
    name = request.get(member) or request.get("EndpointConfigName" if what == "EndpointConfig" else member)
    if what == "ModelPackage":
        name = name or request.get("ModelPackageArn")
        if not name and request.get("ModelPackageGroupName"):
            name = f"{request['ModelPackageGroupName'].rpartition('/')[2]}/*"
    if not name:
        return place.arn("sagemaker", f"{kind}/*")
    return name if name.startswith("arn:") else place.arn("sagemaker", f"{kind}/{name.lower()}")


def _of_metrics(request: dict, place: Place) -> list[str]:
    """BatchPutMetrics names a trial component, BatchGetMetrics ARNs."""
    if request.get("TrialComponentName"):
        return [_arn("TrialComponent", request, place)]
    arns = [query.get("ResourceArn") for query in request.get("MetricQueries", [])]
    return sorted({arn for arn in arns if arn}) or ["*"]


def _roles(operation: str, request: dict) -> list[str]:
    if not operation.startswith("Create"):
        return []
    holders = [request, request.get("TrainingJobDefinition", {}), *request.get("TrainingJobDefinitions", [])]
    roles = [holder.get(member) for holder in holders for member in ("RoleArn", "ExecutionRoleArn")]
    return list(dict.fromkeys(role for role in roles if role))


def _keys(operation: str, request: dict) -> dict:
    """sagemaker:InstanceTypes and the limits that policies are written with."""
    jobs = [request, request.get("TrainingJobDefinition", {}), *request.get("TrainingJobDefinitions", [])]
    machines = [job["ResourceConfig"] for job in jobs if job.get("ResourceConfig")]
    groups = [group for machine in machines for group in machine.get("InstanceGroups", [])]
    tuned = [job[TUNED] for job in jobs if job.get(TUNED)]
    given = [*machines, *groups, *tuned, *request.get("ProductionVariants", [])]
    types = sorted({each["InstanceType"] for each in given if each.get("InstanceType")})
    keys = {"sagemaker:instancetypes": types} if types else {}
    limits = [job["StoppingCondition"] for job in jobs if job.get("StoppingCondition")]
    seconds = [limit["MaxRuntimeInSeconds"] for limit in limits if "MaxRuntimeInSeconds" in limit]
    if seconds:
        keys["sagemaker:maxruntimeinseconds"] = [str(max(seconds))]
    warm = [machine[WARM] for machine in machines if WARM in machine]
    if warm:
        keys["sagemaker:keepaliveperiod"] = [str(max(warm))]
    return keys
