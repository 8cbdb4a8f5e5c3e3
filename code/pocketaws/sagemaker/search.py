"""Search over jobs, tuning jobs, experiments, trials, their components, endpoints, and the model registry.

Filters, nested filters, sub-expressions.

Rules from API_Filter, API_NestedFilters and API_SearchExpression (read 2026-11): a filter without Operator
and Value asks whether the property exists; numbers compare as numbers; Contains and In are for text only, the
ordering operators for numbers and times only; one Contains in an expression, Tags apart. A metric of a trial
component is "Metrics.<name>.<statistic>", also in lower case, as the SDK's ExperimentAnalytics sorts by
"metrics.test:accuracy.max".
"""

from pocketaws import models
from pocketaws.errors import not_here, validation_error
from pocketaws.operations import operation
from pocketaws.sagemaker.jobs import page, when
from pocketaws.sagemaker.tags import as_list, tables, tags_of
from pocketaws.sagemaker.trial_components import trials_of

ORDERING = {
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanOrEqualTo": lambda a, b: a >= b,
    "LessThan": lambda a, b: a < b,
    "LessThanOrEqualTo": lambda a, b: a <= b,
}
NUMBERS = ("integer", "long", "float", "double")
# Resource of a Search, its shape's name and key in the answer too, but for SHAPES → kind in the ARN
KINDS = {
    "TrainingJob": "training-job",
    "Endpoint": "endpoint",
    "ModelPackage": "model-package",
    "ModelPackageGroup": "model-package-group",
    "Experiment": "experiment",
    "ExperimentTrial": "experiment-trial",
    "ExperimentTrialComponent": "experiment-trial-component",
    "HyperParameterTuningJob": "hyper-parameter-tuning-job",
}
# Resource → (its shape, its key in the answer)
SHAPES = {
    "ExperimentTrial": ("Trial", "Trial"),
    "ExperimentTrialComponent": ("TrialComponent", "TrialComponent"),
    "HyperParameterTuningJob": ("HyperParameterTuningJobSearchEntity", "HyperParameterTuningJob"),
}
COMPONENT = "ExperimentTrialComponent"


@operation("sagemaker", "Search")
def search(context, request: dict) -> dict:
    """Resources that match, newest change first unless the request says else, 10 to a page.

    Raises NotImplemented for other resources, ValidationException for a property or operator that does not
    fit.
    """
    resource = request["Resource"]
    if resource not in KINDS:
        raise not_here("sagemaker", f"Search over {resource}")
    for member in ("VisibilityConditions", "CrossAccountFilterOption"):
        if request.get(member) not in (None, "SameAccount"):
            raise not_here("sagemaker", f"Search with {member}")
    expression = request.get("SearchExpression", {})
    _check_expression(expression, resource)
    table = tables(context.state)[KINDS[resource]]
    items = table.of(context.region, context.account)
    records = [record_of(each, resource, _more(context, each, resource)) for each in items]
    found = [record for record in records if matches(record, expression)]
    by = request.get("SortBy", "LastModifiedTime" if resource != "ModelPackageGroup" else "CreationTime")
    name = SHAPES.get(resource, (resource, resource))[1]
    kind = property_kind(by, resource)
    question = {key: value for key, value in request.items() if key not in ("NextToken", "MaxResults")}
    chosen, token = page(
        found,
        key=lambda record: [*_sort_value(record, by, kind), record[f"{name}Arn"]],
        size=request.get("MaxResults", 10),
        token=request.get("NextToken"),
        question=question,
        descending=request.get("SortOrder", "Descending") == "Descending",
    )
    hits = {"Value": len(found), "Relation": "EqualTo"}
    return {"Results": [{name: record} for record in chosen], "NextToken": token, "TotalHits": hits}


def record_of(item, resource: str, more: dict | None = None) -> dict:
    """A resource as Search shows it: of its description, its tags and `more`, what its shape has."""
    members = _shape(resource).members
    described = {**item.describe(), "Tags": as_list(tags_of(item)), **(more or {})}
    return {name: value for name, value in described.items() if name in members}


def _shape(resource: str):
    return models.service_model("sagemaker").shape_for(SHAPES.get(resource, (resource, resource))[0])


def _more(context, item, resource: str) -> dict:
    """What Search alone tells of trials and trial components: what is in them, and what they are in."""
    if resource == "ExperimentTrial":
        parts = (
            "TrialComponentName",
            "TrialComponentArn",
            "TrialComponentSource",
            "CreationTime",
            "CreatedBy",
        )
        inside = [each.summary() for each in item.components()]
        return {
            "TrialComponentSummaries": [{key: each[key] for key in parts if key in each} for each in inside]
        }
    if resource != COMPONENT:
        return {}
    parents = [
        {"TrialName": trial.name, "ExperimentName": trial.experiment.name}
        for trial in trials_of(context, item)
    ]
    more: dict = {"Parents": parents} if parents else {}
    if item.job:
        more["SourceDetail"] = {"SourceArn": item.job.arn, "TrainingJob": record_of(item.job, "TrainingJob")}
        run = item.job.request.get("ExperimentConfig", {}).get("RunName")
        more |= {"RunName": run} if run else {}
    return more


def matches(record: dict, expression: dict) -> bool:
    """Whether a record satisfies a SearchExpression that was checked; an empty one matches all."""
    answers = [
        _filter_matches(values_of(record, item["Name"]), item) for item in expression.get("Filters", [])
    ]
    answers += [_nested_matches(record, item) for item in expression.get("NestedFilters", [])]
    answers += [matches(record, item) for item in expression.get("SubExpressions", [])]
    if not answers:
        return True
    return any(answers) if expression.get("Operator") == "Or" else all(answers)


def values_of(record, name: str) -> list:
    """Every value of a property: "Tags.team", "HyperParameters.lr", "InputDataConfig.ChannelName"."""
    head, _, rest = name.partition(".")
    if head.lower() in ("metrics", "parameters") and rest and "TrialComponentName" in record:
        return _component_values(record, head.lower(), rest)
    if head == "Metrics":
        return [item["Value"] for item in record.get("FinalMetricDataList", []) if item["MetricName"] == rest]
    if head == "Tags" and rest:
        return [tag["Value"] for tag in record.get("Tags", []) if tag["Key"] == rest]
    if head == "HyperParameters" and rest:
        value = record.get("HyperParameters", {}).get(rest)
        return [] if value is None else [value]
    found = [record]
    for part in name.split("."):
        found = [item[part] for item in found if isinstance(item, dict) and part in item]
        found = [item for value in found for item in (value if isinstance(value, list) else [value])]
    return found


def _component_values(record: dict, head: str, rest: str) -> list:
    """Values of "metrics.<name>.<statistic>" and "parameters.<name>" of a trial component."""
    if head == "parameters":
        found = record.get("Parameters", {}).get(rest, {})
        return list(found.values())
    name, _, statistic = rest.rpartition(".")
    return [
        value
        for item in record.get("Metrics", [])
        if item["MetricName"] == name
        for key, value in item.items()
        if key.lower() == statistic.lower()
    ]


def property_kind(name: str, resource: str = "TrainingJob") -> str:
    """Kind of a property: text, number, time, boolean, structure, or either (text or number).

    Raises a ValidationException when the resource has no such property.
    """
    head, _, rest = name.partition(".")
    shape = _shape(resource)
    if rest and resource == COMPONENT and head.lower() in ("metrics", "parameters"):
        return {"metrics": "number", "parameters": "either"}[head.lower()]
    if rest and head == "Tags":
        return "text"
    if rest and resource == "TrainingJob" and head in ("Metrics", "HyperParameters"):
        return {"Metrics": "number", "HyperParameters": "either"}[head]
    for part in name.split("."):
        while shape.type_name == "list":
            shape = shape.member
        if shape.type_name == "map":
            shape = shape.value
        elif shape.type_name == "structure" and part in shape.members:
            shape = shape.members[part]
        else:
            raise validation_error(f"{name!r} is not a property of {resource} that can be searched.")
    if shape.type_name in NUMBERS:
        return "number"
    return {"string": "text", "timestamp": "time", "boolean": "boolean"}.get(shape.type_name, "structure")


def _check_expression(expression: dict, resource: str) -> None:
    contains = 0
    for item in _all_filters(expression):
        operator, kind = operator_of(item), property_kind(item["Name"], resource)
        if operator not in ("Exists", "NotExists") and "Value" not in item:
            raise validation_error(f"The filter on {item['Name']!r} with {operator} needs a Value.")
        if operator in ORDERING and kind in ("text", "boolean", "structure"):
            raise validation_error(
                f"The operator {operator} is not supported for the text property {item['Name']!r}."
            )
        if operator in ("Contains", "In") and kind not in ("text", "either"):
            raise validation_error(
                f"The operator {operator} is only supported for text, not for {item['Name']!r}."
            )
        if kind == "number" and "Value" in item and _number(item["Value"]) is None:
            raise validation_error(f"{item['Name']!r} is a number; {item['Value']!r} is none.")
        if kind == "time" and "Value" in item:
            when(item["Value"])
        contains += operator == "Contains" and not item["Name"].startswith("Tags")
    if contains > 1:
        raise validation_error("'CONTAINS' operator usage limit of 1 exceeded.")


def _all_filters(expression: dict):
    yield from expression.get("Filters", [])
    for nested in expression.get("NestedFilters", []):
        for item in nested["Filters"]:
            if not item["Name"].startswith(nested["NestedPropertyName"] + "."):
                raise validation_error(
                    f"The nested filter on {item['Name']!r} is not below {nested['NestedPropertyName']!r}."
                )
            yield item
    for part in expression.get("SubExpressions", []):
        yield from _all_filters(part)


def operator_of(item: dict) -> str:
    """A filter's operator; Equals when there is a Value, Exists when there is none."""
    return item.get("Operator") or ("Equals" if "Value" in item else "Exists")


def _nested_matches(record: dict, nested: dict) -> bool:
    """Whether one single element of the nested list satisfies every filter."""
    name = nested["NestedPropertyName"]
    for element in values_of(record, name):
        if all(
            _filter_matches(values_of(element, item["Name"][len(name) + 1 :]), item)
            for item in nested["Filters"]
        ):
            return True
    return False


def _filter_matches(values: list, item: dict) -> bool:
    operator = operator_of(item)
    if operator == "Exists":
        return bool(values)
    if operator == "NotExists":
        return not values
    if operator == "NotEquals":
        return not any(_compare(value, "Equals", item["Value"]) for value in values)
    return any(_compare(value, operator, item["Value"]) for value in values)


def _compare(value, operator: str, wanted: str) -> bool:
    if operator == "Contains":
        return wanted in str(value)
    if operator == "In":
        return str(value) in [part.strip() for part in wanted.split(",")]
    if hasattr(value, "timestamp"):
        left, right = value.timestamp(), when(wanted)
    else:
        left, right = _number(value), _number(wanted)
        if left is None or right is None or isinstance(value, bool):
            left = str(value).lower() if isinstance(value, bool) else str(value)
            right = wanted
            return operator == "Equals" and left == right
    return left == right if operator == "Equals" else ORDERING[operator](left, right)


def _number(value) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _sort_value(record: dict, name: str, kind: str) -> list:
    """[whether there is a value, the value], so that records without one come before all others."""
    value = next(iter(values_of(record, name)), None)
    if value is None or kind == "structure":
        return [0, 0]
    if hasattr(value, "timestamp"):
        return [1, value.timestamp()]
    return [1, value if kind in ("number", "boolean") else str(value)]
