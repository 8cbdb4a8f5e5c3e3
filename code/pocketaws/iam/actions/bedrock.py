"""Bedrock and its runtime.

From "Actions, resources, and condition keys for Amazon Bedrock", Service Authorization Reference, and
https://docs.aws.amazon.com/bedrock/latest/userguide/inference-prereq.html (Converse asks for
bedrock:InvokeModel, ConverseStream for bedrock:InvokeModelWithResponseStream), 2026-11.
"""

from pocketaws.iam.actions.ask import Ask, Place, pass_role, tag_keys, tags_in

SERVICE = "bedrock.amazonaws.com"
OTHER = {"Converse": "InvokeModel", "ConverseStream": "InvokeModelWithResponseStream"}
# operation → (kind in the ARN, member that names the resource); what is not here knows no resource
ABOUT = {
    "CreateCustomModelDeployment": ("custom-model", "modelArn"),
    "CreateInferenceProfile": ("foundation-model", "modelSource"),
    "CreateModelCustomizationJob": ("foundation-model", "baseModelIdentifier"),
    "CreateProvisionedModelThroughput": ("custom-model", "modelId"),
    "DeleteCustomModel": ("custom-model", "modelIdentifier"),
    "DeleteCustomModelDeployment": ("custom-model-deployment", "customModelDeploymentIdentifier"),
    "DeleteImportedModel": ("imported-model", "modelIdentifier"),
    "DeleteInferenceProfile": ("application-inference-profile", "inferenceProfileIdentifier"),
    "DeleteProvisionedModelThroughput": ("provisioned-model", "provisionedModelId"),
    "GetCustomModel": ("custom-model", "modelIdentifier"),
    "GetCustomModelDeployment": ("custom-model-deployment", "customModelDeploymentIdentifier"),
    "GetFoundationModel": ("foundation-model", "modelIdentifier"),
    "GetImportedModel": ("imported-model", "modelIdentifier"),
    "GetInferenceProfile": ("inference-profile", "inferenceProfileIdentifier"),
    "GetModelCustomizationJob": ("model-customization-job", "jobIdentifier"),
    "GetModelImportJob": ("model-import-job", "jobIdentifier"),
    "GetProvisionedModelThroughput": ("provisioned-model", "provisionedModelId"),
    "StopModelCustomizationJob": ("model-customization-job", "jobIdentifier"),
    "UpdateCustomModelDeployment": ("custom-model-deployment", "customModelDeploymentIdentifier"),
    "UpdateProvisionedModelThroughput": ("provisioned-model", "provisionedModelId"),
    "Converse": ("foundation-model", "modelId"),
    "ConverseStream": ("foundation-model", "modelId"),
    "CountTokens": ("foundation-model", "modelId"),
    "InvokeModel": ("foundation-model", "modelId"),
    "InvokeModelWithResponseStream": ("foundation-model", "modelId"),
    "ListTagsForResource": ("", "resourceARN"),
    "TagResource": ("", "resourceARN"),
    "UntagResource": ("", "resourceARN"),
}
# An operation that makes something, or gives tags to what it makes: the tags need bedrock:TagResource on it.
MADE = {
    "CreateCustomModelDeployment": "custom-model-deployment/*",
    "CreateInferenceProfile": "application-inference-profile/*",
    "CreateModelCustomizationJob": "model-customization-job/*",
    "CreateModelImportJob": "model-import-job/*",
    "CreateProvisionedModelThroughput": "provisioned-model/*",
}
TAGS = {  # member of a request that tags what the job will make → kind of that
    "customModelTags": "custom-model/*",
    "importedModelTags": "imported-model/*",
}


def asks(operation: str, request: dict, place: Place) -> list[Ask]:
    """The asks of a Bedrock operation, of its runtime too."""
    tags = tags_in(request, "tags", "jobTags")
    keys = tag_keys(tags)
    found = resources(operation, request, place)
    asked = [Ask(f"bedrock:{OTHER.get(operation, operation)}", found, keys)]
    if operation in MADE:
        jobs = {MADE[operation]: tags, **{kind: tags_in(request, member) for member, kind in TAGS.items()}}
        for kind, given in jobs.items():
            if given:
                asked.append(Ask("bedrock:TagResource", place.arn("bedrock", kind), tag_keys(given)))
    return asked + pass_role(request.get("roleArn", ""), SERVICE)


def resources(operation: str, request: dict, place: Place) -> str:
    """The ARN that an operation is about, "*" where it knows none."""
    kind, member = ABOUT.get(operation, ("", ""))
    name = request.get(member)
    if isinstance(name, dict):  # CreateInferenceProfile: {"copyFrom": arn}
        name = name.get("copyFrom")
    if not name:
        return "*"
    if name.startswith("arn:"):
        return name
    if kind == "foundation-model" or (kind == "custom-model" and "." in name):
        head = name.split(".")[0]
        if head in ("us", "eu", "apac", "global", "us-gov", "jp", "au"):
            return place.arn("bedrock", f"inference-profile/{name}")
        return f"arn:aws:bedrock:{place.region}::foundation-model/{name}"
    if kind == "model-customization-job":
        return place.arn("bedrock", f"{kind}/{name if '/' in name else '*/' + name}")
    return place.arn("bedrock", f"{kind}/{name}")
