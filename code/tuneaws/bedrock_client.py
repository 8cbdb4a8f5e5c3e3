"""What is the same for whatever is asked of Bedrock's control plane: tags, and the end of an error's fix."""

FREE_WAY = 'or set WHERE = "local" and go on for free.'


def on_aws(client) -> bool:
    """Whether a boto3 client asks AWS: the local AWS speaks plain HTTP."""
    return client.meta.endpoint_url.startswith("https")


def or_free(client) -> str:
    """The end of an error's fix: the free way, for those who are not on it."""
    return f",\n{FREE_WAY}" if on_aws(client) else "."


def tag_list(tags: dict | None) -> list:
    """{"course": "tuneaws"} as Bedrock writes it: [{"key": "course", "value": "tuneaws"}]."""
    return [{"key": key, "value": value} for key, value in (tags or {}).items()]


def tags_of(bedrock, arn: str) -> dict:
    """The tags of one thing on Bedrock, {"course": "tuneaws"}."""
    return {tag["key"]: tag["value"] for tag in bedrock.list_tags_for_resource(resourceARN=arn)["tags"]}


def carries(bedrock, arn: str, tags: dict) -> bool:
    """Whether a thing on Bedrock has all of `tags`. {}: nothing is asked, everything has them."""
    there = tags_of(bedrock, arn) if tags else {}
    return all(there.get(key) == value for key, value in tags.items())
