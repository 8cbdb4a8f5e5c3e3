"""{"inputs", "parameters"} as TGI defined it and LMI took it over: one text in, tokens with their odds
out."""

from collections.abc import Iterator

from ...generation import Engine, Piece, Request, Settings
from . import fields

REASONS = {"end": "eos_token", "stop": "stop_sequence", "length": "length"}


def inputs(data: dict) -> str:
    """The one text of "inputs"."""
    value = data.get("inputs")
    if not isinstance(value, str):
        raise fields.WrongField("inputs", "a string", value)
    return value


def whole(pieces: list[Piece], engine: Engine) -> tuple[str, list[dict]]:
    """The text of an answer and its tokens."""
    return "".join(piece.text for piece in pieces), [token(piece, engine) for piece in pieces]


def token(piece: Piece, engine: Engine) -> dict:
    """One token: its text is the tokenizer's own, special tokens included."""
    tokenizer = engine.model.tokenizer
    special = piece.token_id in tokenizer.all_special_ids
    text = tokenizer.decode([piece.token_id]) if special else piece.text
    return {"id": piece.token_id, "text": text, "logprob": piece.logprob, "special": special}


def lines(engine: Engine, request: Request, details: bool, prompt: str, first: int = 0) -> Iterator[dict]:
    """One object a token; the last has generated_text, and details if asked for.

    prompt  put before generated_text (return_full_text)    first  index of the first token
    """
    pieces = engine.stream(request)
    text = prompt
    try:
        for index, piece in enumerate(pieces, first):
            text += piece.text
            line = {"index": index, "token": token(piece, engine), "generated_text": None, "details": None}
            if piece.reason:
                line["generated_text"] = text
                if details:
                    line["details"] = {**ending(piece, request.settings), "input_length": len(request.ids)}
            yield line
    finally:
        pieces.close()


def ending(piece: Piece, settings: Settings) -> dict:
    """How an answer ended, in TGI's words."""
    return {
        "finish_reason": REASONS[piece.reason],
        "generated_tokens": piece.output_tokens,
        "seed": settings.seed,
    }
