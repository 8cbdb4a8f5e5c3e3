"""Inference profiles: those of AWS, such as us.amazon.nova-micro-v1:0, and an account's own.

A profile of AWS's spreads requests over the regions of a geography; here every region answers from the same
machine. An application inference profile is a name with tags, by which costs are told apart.
"""

from pocketaws.bedrock import checks, foundation_models
from pocketaws.bedrock.served_models import INVALID, check_usable
from pocketaws.bedrock.tables import Resource, arn_of, in_use, not_found, page_of
from pocketaws.errors import AwsError, validation_error
from pocketaws.operations import operation

AREAS = {"us": "US", "eu": "EU", "apac": "APAC"}
SYSTEM, APPLICATION = "SYSTEM_DEFINED", "APPLICATION"


class ApplicationProfile(Resource):
    """An account's own profile of a foundation model, `model` its row."""

    KEPT = (*Resource.KEPT, "model", "regions", "description")

    def __init__(self, request: dict, model, regions: list[str], region: str, account: str):
        super().__init__("application-inference-profile", request["inferenceProfileName"], region, account,
                         request.get("tags"))  # fmt: skip
        self.token, self.model, self.regions = request.get("clientRequestToken"), model, regions
        self.description = request.get("description")

    def describe(self) -> dict:
        """A GetInferenceProfile response, which is a summary too."""
        answer = {
            "inferenceProfileName": self.name,
            "inferenceProfileArn": self.arn,
            "inferenceProfileId": self.id,
            "models": [{"modelArn": self.model.arn(region)} for region in self.regions],
            "status": "ACTIVE",
            "type": APPLICATION,
            "createdAt": self.created_at,
            "updatedAt": self.last_modified,
        }
        return {**answer, "description": self.description} if self.description else answer


def _system_profile(row, area: str, region: str, account: str) -> dict:
    identifier, regions = f"{area}.{row.id}", row.profiles[area]
    places = f"{' '.join(regions[:-1])} and {regions[-1]}"
    return {
        "inferenceProfileName": f"{AREAS[area]} {row.name}",
        "inferenceProfileArn": arn_of("inference-profile", identifier, region, account),
        "inferenceProfileId": identifier,
        "description": f"Routes requests to {row.name} in {places}.",
        "models": [{"modelArn": row.arn(each)} for each in regions],
        "status": "ACTIVE",
        "type": SYSTEM,
    }


@operation("bedrock", "ListInferenceProfiles")
def list_inference_profiles(context, request: dict) -> dict:
    """AWS's profiles of this region, or the account's own; AWS's are listed when the request does not say."""
    if request.get("typeEquals", SYSTEM) == SYSTEM:
        every = [
            _system_profile(row, area, context.region, context.account)
            for row in foundation_models.every()
            for area, regions in row.profiles.items()
            if context.region in regions
        ]
    else:
        own = context.state.bedrock.inference_profiles.of(context.region, context.account)
        every = [profile.describe() for profile in own]
    found, token = page_of(every, request, lambda each: [each["inferenceProfileArn"]])
    return {"inferenceProfileSummaries": found, "nextToken": token}


@operation("bedrock", "GetInferenceProfile")
def get_inference_profile(context, request: dict) -> dict:
    """One profile, by id or ARN."""
    identifier = request["inferenceProfileIdentifier"]
    found = foundation_models.find_by_profile(identifier, context.region, context.account)
    if found is not None:
        return _system_profile(*found, context.region, context.account)
    return _own(context, identifier).describe()


@operation("bedrock", "CreateInferenceProfile")
def create_inference_profile(context, request: dict) -> dict:
    """Give a foundation model, or a profile of AWS's, a name and tags of the account's own."""
    own = context.state.bedrock.inference_profiles
    same = own.with_token(request.get("clientRequestToken"), context.region, context.account)
    if same is not None:
        return {"inferenceProfileArn": same.arn, "status": "ACTIVE"}
    checks.check_tag_list(request.get("tags"))
    source = request["modelSource"].get("copyFrom", "")
    found = foundation_models.find_by_profile(source, context.region, context.account)
    row = found[0] if found else foundation_models.find(source, context.region)
    if row is None:
        raise validation_error(INVALID)
    check_usable(context.state, row)
    regions = row.profiles[found[1]] if found else [context.region]
    profile = ApplicationProfile(request, row, regions, context.region, context.account)
    own.add(profile, in_use("inference profile", profile.name))
    return {"inferenceProfileArn": profile.arn, "status": "ACTIVE"}


@operation("bedrock", "DeleteInferenceProfile")
def delete_inference_profile(context, request: dict) -> None:
    """Delete an own profile; those of AWS stay."""
    identifier = request["inferenceProfileIdentifier"]
    if foundation_models.find_by_profile(identifier, context.region, context.account):
        raise AwsError(  # the wording is not documented; chosen
            "ValidationException", f"{identifier} is a profile of AWS's and cannot be deleted."
        )
    context.state.bedrock.inference_profiles.discard(_own(context, identifier))


def _own(context, identifier: str) -> ApplicationProfile:
    profile = context.state.bedrock.inference_profiles.find(identifier, context.region, context.account)
    if profile is None or identifier == profile.name:  # a profile is found by id and ARN, not by name
        raise not_found(f"Could not find the inference profile {identifier}.")  # not documented; chosen
    return profile
