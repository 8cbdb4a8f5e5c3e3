"""The cross entropy of the answers, in pieces where the logits would be the largest tensors of the step.

A label needs one logit for each token of the vocabulary: 128,256 in Llama 3, and the logits, their logarithms
and their gradients are three float32 tensors of that width. 4,096 labels make 6.3 GB. Here the output layer
runs over some labels at a time, and each piece leaves only the gradient of its hidden states: in two matrix
products, as without pieces, so nothing is computed twice.
"""

import torch
from chat_data import IGNORE
from torch.nn.functional import cross_entropy

WHOLE_BYTES = 512 << 20  # logits of up to so many bytes in float32 are computed at once
PIECE_BYTES = 128 << 20


def total(logits, wanted):
    """Sum of −log p over the labels that are not IGNORE: logits (…, vocabulary), wanted (…)."""
    return cross_entropy(
        logits.float().flatten(0, -2), wanted.flatten(), ignore_index=IGNORE, reduction="sum"
    )


class Pieces(torch.autograd.Function):
    """total(head(hidden), wanted), of hidden (n, size) and wanted (n,); the head is frozen."""

    @staticmethod
    def forward(ctx, hidden, wanted, head, rows):
        summed, gradients = torch.zeros((), device=hidden.device), []
        for part, labels in zip(hidden.split(rows), wanted.split(rows), strict=True):
            with torch.enable_grad():
                part = part.detach().requires_grad_(ctx.needs_input_grad[0])
                # accelerate hands hidden states out in float32, outside of its autocast.
                loss = total(head(part.to(head.weight.dtype)), labels)
            summed += loss.detach()
            if ctx.needs_input_grad[0]:
                gradients += torch.autograd.grad(loss, part)
        ctx.save_for_backward(torch.cat(gradients) if gradients else None)
        return summed

    @staticmethod
    def backward(ctx, grad):
        (gradient,) = ctx.saved_tensors
        return gradient * grad.to(gradient.dtype), None, None, None


class Head:
    """A model's output layer, which can be left out of a forward pass and applied to what came out of it."""

    def __init__(self, model):
        self.layer = model.get_output_embeddings()
        self.vocabulary = model.config.get_text_config().vocab_size
        weight = getattr(self.layer, "weight", None)
        whole = not hasattr(weight, "full_tensor")  # not dealt out to several GPUs
        plain = isinstance(self.layer, torch.nn.Linear) and weight.is_floating_point()
        self.can_wait = whole and plain and _is_last(model)

    def must_wait(self, labels: int) -> bool:
        """Whether so many labels' logits are too large to be there at once."""
        frozen = self.can_wait and not any(each.requires_grad for each in self.layer.parameters())
        return frozen and labels * self.vocabulary * 4 > WHOLE_BYTES

    def __enter__(self):
        """In this block the model gives hidden states where it says logits."""
        self.layer.forward = lambda hidden: hidden
        return self

    def __exit__(self, *error) -> None:
        del self.layer.forward  # the class' own comes back

    def total(self, hidden, wanted):
        """Sum of −log p, in pieces of PIECE_BYTES of logits."""
        rows = max(1, PIECE_BYTES // (4 * self.vocabulary))
        return Pieces.apply(hidden.flatten(0, -2), wanted.flatten(), self.layer, rows)


def _is_last(model) -> bool:
    """False for models that change the logits after the output layer (Gemma 2, Cohere, Granite)."""
    config = model.config.get_text_config()
    changes = ("final_logit_softcapping", "logit_scale", "logits_scaling")
    return not model.config.is_encoder_decoder and not any(getattr(config, name, None) for name in changes)
