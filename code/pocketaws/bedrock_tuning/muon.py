"""Muon for an adapter's matrices: momentum, made orthogonal, all matrices of one size at once. Needs torch.

Keller Jordan's optimizer (github.com/KellerJordan/Muon) with the scale of Moonlight (arXiv 2502.16982), so
that learning rates are of AdamW's size. torch.optim.Muon does the same matrix by matrix.
"""

import math

import torch

MOMENTUM = 0.95
STEPS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic: singular values go to about 1 in five steps
RMS = 0.2  # of AdamW's usual update


class Muon:
    """Steps for matrices; `step` takes the learning rate.

    parameters   2-D tensors that require a gradient
    """

    def __init__(self, parameters: list[torch.Tensor]):
        groups: dict[tuple[int, int], list[torch.Tensor]] = {}
        for each in parameters:
            groups.setdefault((min(each.shape), max(each.shape)), []).append(each)
        self._groups = [
            (each, torch.zeros(len(each), *shape), RMS * math.sqrt(shape[1]))
            for shape, each in groups.items()
        ]

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Change every parameter by its gradient, and drop the gradients."""
        for parameters, momentum, scale in self._groups:
            gradients = torch.stack([_wide(each.grad) for each in parameters])
            momentum.lerp_(gradients, 1 - MOMENTUM)
            updates = orthogonal(gradients.lerp_(momentum, MOMENTUM))
            for each, update in zip(parameters, updates, strict=True):
                each.sub_(update if each.shape == update.shape else update.T, alpha=learning_rate * scale)
                each.grad = None


def _wide(matrix: torch.Tensor) -> torch.Tensor:
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """(n, rows, columns), rows ≤ columns: each with its singular values moved to about 1 (Newton-Schulz)."""
    a, b, c = COEFFICIENTS
    found = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(STEPS):
        square = found @ found.mT
        found = a * found + (b * square + c * square @ square) @ found
    return found
