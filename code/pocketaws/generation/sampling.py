"""One token out of a row of logits."""


def choose(logits, settings, generator, prompt_ids, answer_ids) -> int:
    """The next token's id.

    logits       float tensor [vocabulary]
    generator    torch.Generator on the logits' device, for the draw; unused when temperature is 0
    prompt_ids, answer_ids    lists of int, for the penalties
    """
    if settings.penalized:
        logits = _penalized(logits, settings, prompt_ids, answer_ids)
    if settings.temperature == 0:
        return int(logits.argmax())
    return _draw(logits / settings.temperature, settings, generator)


def _draw(logits, settings, generator) -> int:
    import torch

    if not settings.top_k and settings.top_p == 1:
        return int(torch.multinomial(torch.softmax(logits, -1), 1, generator=generator))
    if settings.top_k:
        logits, ids = torch.topk(logits, min(settings.top_k, logits.shape[-1]))
    else:
        logits, ids = torch.sort(logits, descending=True)
    odds = torch.softmax(logits, -1)
    # A token stays while those before it have less than top_p: the first always does.
    odds = odds.masked_fill(odds.cumsum(-1) - odds >= settings.top_p, 0.0)
    return int(ids[torch.multinomial(odds, 1, generator=generator)])


def _penalized(logits, settings, prompt_ids, answer_ids):
    """vLLM's arithmetic: repetition over prompt and answer, presence and frequency over the answer alone."""
    import torch

    logits = logits.clone()
    if settings.repetition_penalty != 1:
        seen = torch.tensor(sorted({*prompt_ids, *answer_ids}), device=logits.device)
        factor = settings.repetition_penalty
        logits[seen] = torch.where(logits[seen] > 0, logits[seen] / factor, logits[seen] * factor)
    if answer_ids:
        written, counts = torch.unique(torch.tensor(answer_ids, device=logits.device), return_counts=True)
        logits[written] -= settings.presence_penalty + settings.frequency_penalty * counts
    return logits
