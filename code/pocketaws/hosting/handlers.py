"""inference.py as AWS's toolkits call it: which functions, with which arguments, and how errors are answered.

HuggingFaceHandler: handler_service.py of sagemaker-huggingface-inference-toolkit, behind multi-model-server.
PyTorchHandler: transformer.py of sagemaker-inference with the defaults of sagemaker-pytorch-inference, behind
TorchServe. Both github.com/aws, read 2026-11. A function may take the context as one argument more.

What AWS's images cannot do: an output_fn or transform_fn that returns an iterator is streamed here, piece by
piece as it comes. Their model servers want one whole body; a script for both joins the pieces there.
"""

import importlib
import importlib.util
import inspect
import json
import logging
import os
import sys
import traceback
from pathlib import Path

from pocketaws.hosting import formats, pipelines
from pocketaws.hosting.context import Context

FUNCTIONS = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")
ARGUMENTS = {"model_fn": 1, "input_fn": 2, "predict_fn": 2, "output_fn": 2, "transform_fn": 4}
log = logging.getLogger("pocketaws.toolkit")


class UserModule:
    """The script's functions, each callable with or without a context."""

    def __init__(self, name: str, code: Path, context: Context):
        """Import it. Raises ImportError's kind for a script that cannot be, ValueError, TypeError as AWS."""
        self.context = context
        self._functions: dict = {}
        sys.path.insert(0, str(code))
        self.found = importlib.util.find_spec(name) is not None
        if not self.found:
            log.info(
                "No inference script implementation was found at `%s`. Default implementation of all"
                " functions will be used.", name,
            )  # fmt: skip
            return
        log.info("Inference script implementation found at `%s`.", name)
        module = importlib.import_module(name)
        given = {each: getattr(module, each, None) for each in FUNCTIONS}
        if given["transform_fn"] and any(given[each] for each in ("input_fn", "predict_fn", "output_fn")):
            raise ValueError(
                "Cannot use transform_fn implementation in conjunction with input_fn, predict_fn, and/or"
                " output_fn implementation"
            )
        for each, function in given.items():
            if function is not None:
                self._functions[each] = self._bound(each, function)

    def _bound(self, name: str, function):
        count, most = len(inspect.signature(function).parameters), ARGUMENTS[name] + 1
        if count == most:
            return lambda *arguments: function(*arguments, self.context)
        if count == most - 1:
            return function
        raise TypeError(
            f"{function.__name__} definition takes {most - 1} or {most} arguments but {count} were given."
        )

    def function(self, name: str, default):
        """The script's function of this name, or the default."""
        found = self._functions.get(name)
        log.info(
            "`%s` implementation found. It will be used in place of the default one." if found else
            "No `%s` implementation was found. The default one from the handler service will be used.", name,
        )  # fmt: skip
        return found or default


class _Script:
    """The steps that both contracts share: load the model once, then input, predict and output a request.

    folder, code    what model_fn gets; where the script lies
    defaults        model_fn, input_fn, predict_fn, output_fn for those that the script does not have
    accept          the content type of an answer for which none was asked
    """

    def __init__(self, folder: str, code: Path, defaults: tuple, accept: str):
        self.context, self._accept = Context(folder), accept
        module = UserModule(module_name(), code, self.context)
        names = ("model_fn", "input_fn", "predict_fn", "output_fn")
        model_fn, self._input, self._predict, self._output = map(module.function, names, defaults)
        self._transform = module.function("transform_fn", self._steps)
        self.model = model_fn(folder)

    def _steps(self, model, data, content_type, accept):
        return self._output(self._predict(self._input(data, content_type), model), accept)

    def _accepted(self, headers: dict[str, str]) -> str:
        """Begin a request; the content type that its answer is to have."""
        self.context.begin(headers)
        accept = headers.get("accept")
        return self._accept if not accept or accept == formats.ANY else accept

    def _respond(self, body: bytes, content_type: str | None, accept: str):
        data = body.decode("utf-8") if content_type in formats.UTF8_TYPES else bytearray(body)
        return self._transform(self.model, data, content_type, accept)


class HuggingFaceHandler(_Script):
    """A model behind the Hugging Face image's contract; call it with a body and headers."""

    def __init__(self, model_dir: Path):
        """Import the script and load the model. Whatever these raise passes through."""
        folder = str(model_dir)
        if "HF_MODEL_ID" in os.environ:  # the toolkit hands the hub's model to model_fn, not /opt/ml/model
            folder = pipelines.hub_model(os.environ["HF_MODEL_ID"])
        defaults = (pipelines.load, pipelines.decode, pipelines.predict, formats.encode)
        super().__init__(folder, model_dir / "code", defaults, formats.JSON)

    def __call__(self, body: bytes, headers: dict[str, str]):
        """Every exception is a 400, as the toolkit's handle() has it, with multi-model-server's body."""
        accept = self._accepted(headers)
        try:
            response = self._respond(body, headers.get("content-type"), accept)
        except Exception as err:
            traceback.print_exc()
            return _mms_error(400, str(err))
        try:
            return _answer(response, accept, self.context)
        except TypeError:  # neither text nor bytes, and nothing that JSON knows
            traceback.print_exc()
            return _mms_error(503, "Unsupported model output data type.")


class PyTorchHandler(_Script):
    """A model behind the PyTorch image's contract."""

    def __init__(self, model_dir: Path):
        """Import the script and load the model. Whatever these raise passes through."""
        defaults = (_no_model_fn, _to_tensor, _call_model, _from_tensor)
        accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", formats.JSON)
        super().__init__(str(model_dir), model_dir / "code", defaults, accept)

    def __call__(self, body: bytes, headers: dict[str, str]):
        """An exception is a 500, or has its own status_code; the body is its text and the traceback."""
        accept = self._accepted(headers)
        try:
            response = self._respond(body, headers.get("content-type"), accept)
            if isinstance(response, tuple):
                response, accept = response
            return _answer(response, accept, self.context)
        except Exception as err:
            trace = traceback.format_exc()
            print(trace, file=sys.stderr, flush=True)
            status = getattr(err, "status_code", 500)
            message = getattr(err, "message", None) or str(err) or "Invalid Request"
            return int(status), {"Content-Type": "text/plain"}, f"{message}\n{trace}".encode()


def module_name() -> str:
    """SAGEMAKER_PROGRAM without .py, "inference" by default (sagemaker_inference.environment)."""
    return (os.environ.get("SAGEMAKER_PROGRAM") or "inference.py").removesuffix(".py")


def _answer(response, accept: str, context: Context):
    """(status, headers, body) of what output_fn or transform_fn returned.

    A script that takes the context may have set the status and headers. The content type of a whole answer is
    what was asked for, whatever the script has set: the toolkits set it last. Raises TypeError for a response
    that is neither text nor bytes nor something that JSON knows.
    """
    headers = dict(context.response_headers)
    wanted = headers.pop("content-type", accept)
    if hasattr(response, "__next__"):
        return context.status, {**headers, "Content-Type": wanted}, response
    if isinstance(response, str):
        response = response.encode()
    elif not isinstance(response, (bytes, bytearray)):
        response = json.dumps(response, indent=2).encode()  # multi-model-server's codec
    return context.status, {**headers, "Content-Type": accept}, bytes(response)


def _mms_error(status: int, message: str):
    """multi-model-server's error body; its type is this one whatever went wrong."""
    content = {"code": status, "type": "InternalServerException", "message": message}
    body = json.dumps(content, indent=2, ensure_ascii=False).encode()
    return status, {"Content-Type": "application/json"}, body


def _no_model_fn(model_dir: str):
    import torch

    path = os.path.join(model_dir, "model.pt")
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"Failed to load model with default model_fn: missing file model.pt in {model_dir}. Write a"
            " model_fn in code/inference.py, or put a TorchScript model.pt at the root of the archive."
        )
    return torch.jit.load(path, map_location=_device()).eval()


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _to_tensor(data, content_type):
    import torch

    array = formats.decode_array(data, content_type)
    tensor = torch.FloatTensor(array) if content_type in formats.UTF8_TYPES else torch.from_numpy(array)
    return tensor.to(_device())


def _call_model(data, model):
    import torch

    with torch.no_grad():
        return model(data)


def _from_tensor(prediction, accept):
    if hasattr(prediction, "detach"):
        prediction = prediction.detach().cpu().numpy()
    return formats.encode_array(prediction, accept)
