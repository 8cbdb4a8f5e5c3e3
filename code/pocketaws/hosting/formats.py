"""Payloads as AWS's inference toolkits read and write them: JSON, CSV, NPY, images, audio.

Facts: decoder_encoder.py and content_types.py of sagemaker-huggingface-inference-toolkit, decoder.py and
encoder.py of sagemaker-inference (github.com/aws, read 2026-11). Both know a content type by its exact text:
"application/json; charset=utf-8" is not supported there either.
"""

import base64
import csv
import datetime
import io
import json

JSON, CSV, NPY, ANY = "application/json", "text/csv", "application/x-npy", "*/*"
UTF8_TYPES = (JSON, CSV)
IMAGES = ("image/jpeg", "image/png", "image/tiff", "image/bmp", "image/gif", "image/webp", "image/x-image")
AUDIO = ("audio/x-flac", "audio/mpeg", "audio/wave", "audio/ogg", "audio/x-audio")


class UnsupportedFormat(Exception):
    """A content type that the toolkit does not know; its own words."""

    def __init__(self, content_type):
        super().__init__(
            f"Content type {content_type} is not supported by this framework.\n\n            Please implement"
            " input_fn to to deserialize the request data or an output_fn to\n            serialize the"
            " response. For more information, see the SageMaker Python SDK README."
        )


def decode(content, content_type):
    """A payload as the Hugging Face toolkit gives it to predict_fn; content is str for JSON and CSV."""
    if content_type == JSON:
        return json.loads(content)
    if content_type == CSV:
        return _decode_csv(content)
    if content_type == NPY:
        return decode_npy(content)
    if content_type in IMAGES:
        from PIL import Image

        return {"inputs": Image.open(io.BytesIO(content)).convert("RGB")}
    if content_type in AUDIO:
        return {"inputs": bytes(content)}
    raise UnsupportedFormat(content_type)


def encode(content, accept):
    """A prediction as the Hugging Face toolkit writes it."""
    if accept == JSON:
        return encode_json(content)
    if accept == CSV:
        return _encode_csv(content)
    if accept == NPY:
        return encode_npy(content)
    raise UnsupportedFormat(accept)


def encode_json(content) -> str:
    """Compact JSON; numbers and arrays of NumPy and PyTorch, times and images too. NaN: ValueError."""
    return json.dumps(
        content, ensure_ascii=False, allow_nan=False, default=_plain, separators=(",", ":")
    )  # fmt: skip


def _plain(value):
    if hasattr(value, "tolist"):  # NumPy's and PyTorch's arrays and numbers
        return value.tolist()
    if isinstance(value, datetime.datetime):
        return str(value)
    if type(value).__module__.startswith("PIL."):
        buffer = io.BytesIO()
        value.save(buffer, format="PNG")
        return base64.b64encode(buffer.getvalue()).decode()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _decode_csv(text: str) -> dict:
    if not any(header in text.splitlines()[0].lower() for header in ("question", "context", "inputs")):
        raise ValueError(
            "You need to provide the correct CSV with Header columns to use it with the inference toolkit"
            " default handler. : 400"
        )
    rows = list(csv.DictReader(io.StringIO(text)))
    return {"inputs": [row["inputs"] for row in rows] if "inputs" in rows[0] else rows}


def _encode_csv(content) -> str:
    rows = content if isinstance(content, list) else list(content)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def decode_npy(content):
    """The array in a .npy payload; one that needs pickle is refused, as NumPy does by itself."""
    import numpy as np

    return np.load(io.BytesIO(content))


def encode_npy(content) -> bytes:
    """An array, or what NumPy makes one of, as .npy."""
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.asarray(content))
    return buffer.getvalue()


def decode_array(content, content_type):
    """A payload as sagemaker-inference's decoder gives it: an array, from JSON, CSV or NPY."""
    import numpy as np

    if content_type == JSON:
        return np.array(json.loads(content))
    if content_type == CSV:
        return np.genfromtxt(io.StringIO(content), dtype=np.float32, delimiter=",")
    if content_type == NPY:
        return decode_npy(content)
    raise UnsupportedFormat(content_type)


def encode_array(content, accept):
    """A prediction as sagemaker-inference's encoder writes it."""
    import numpy as np

    if accept == JSON:
        return json.dumps(content, default=_plain)
    if accept == CSV:
        buffer = io.StringIO()
        np.savetxt(buffer, np.asarray(content), delimiter=",", fmt="%s")
        return buffer.getvalue()
    if accept == NPY:
        return encode_npy(content)
    raise UnsupportedFormat(accept)
