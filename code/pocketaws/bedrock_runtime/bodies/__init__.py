"""InvokeModel's bodies, which each family of models has in its own format.

    body = of(model)                       # nova, llama, titan or imported
    question = body.question(data, model)  # out of the request's JSON
    body.whole(answer)                     # the answer's JSON
    body.events(parts)                     # (JSON of a chunk of a stream, its last Part or None)

Sources stand in each family's module.
"""

from types import ModuleType

from pocketaws.bedrock_runtime.bodies import imported, llama, nova, titan
from pocketaws.errors import not_here

FAMILIES = {"nova": nova, "llama": llama, "titan": titan, "imported": imported}


def of(model) -> ModuleType:
    """The module of a served model's family. Raises NotImplemented for families that have none here."""
    found = next((module for name, module in FAMILIES.items() if model.family.startswith(name)), None)
    if found is None:
        raise not_here("bedrock-runtime", f"InvokeModel of the model family {model.family}; use Converse")
    return found
