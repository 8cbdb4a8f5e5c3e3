"""Several answers computed in one pass of the model a step; answers join and leave between steps.

Prompts are padded on the left to one length. A padded place is masked and positions count from a prompt's
first token, so what a row gets is what it would get alone, up to the last bits of a sum taken in another
order.
"""


class Batch:
    """Rows that step together. `rows` are those not done yet; a row has .request.ids, .answer_ids,
    .cancelled, .done and .take(logits)."""

    def __init__(self, model, rows: list):
        self.model = model
        self.rows = list(rows)
        self._length = max(
            (len(row.request.ids) for row in rows), default=0
        )  # places in the cache, once read
        self._padding = [self._length - len(row.request.ids) for row in rows]
        self._cache = None

    def step(self) -> list[tuple]:
        """One token for each row: [(row, what it returned for it)]. Rows that are done leave."""
        import torch

        # Not around a loop that yields: the caller would be in inference mode between two steps.
        with torch.inference_mode():
            logits = self._forward().float()
            results = [(row, row.take(logits[i])) for i, row in enumerate(self.rows) if not row.cancelled]
            self._keep([i for i, row in enumerate(self.rows) if not (row.done or row.cancelled)])
        return results

    def join(self, other: "Batch") -> None:
        """Take the rows of another batch in, which has made its first step too. See `can_join`."""
        import torch

        if not other.rows:
            return
        if not self.rows:
            self.rows, self._padding = other.rows, other._padding
            self._length, self._cache = other._length, other._cache
            return
        with torch.inference_mode():
            length = max(self._length, other._length)
            for mine, its in zip(self._cache.layers, other._cache.layers, strict=True):
                for name in ("keys", "values"):
                    both = (_padded(getattr(mine, name), length), _padded(getattr(its, name), length))
                    setattr(mine, name, torch.cat(both))
        self._padding = [pad + length - batch._length for batch in (self, other) for pad in batch._padding]
        self._length = length
        self.rows = self.rows + other.rows

    @property
    def can_join(self) -> bool:
        """Whether the model's cache is the plain kind, a tensor of keys and one of values a layer."""
        layers = getattr(self._cache, "layers", [])
        return not self.rows or all(type(layer).__name__ == "DynamicLayer" for layer in layers)

    def _forward(self):
        """Run the model over what it has not read yet: the prompts first, then one token a row."""
        import torch

        device = self.model.device
        padding = torch.tensor(self._padding, device=device)[:, None]
        if self._cache is None:
            fill = [self.model.pad_id]
            ids = [fill * pad + row.request.ids for row, pad in zip(self.rows, self._padding, strict=True)]
            places = torch.arange(self._length, device=device)
        else:
            ids = [row.answer_ids[-1:] for row in self.rows]
            places = torch.arange(self._length, self._length + 1, device=device)
            self._length += 1
        mask = (torch.arange(self._length, device=device) >= padding).long()
        positions = (places - padding).clamp(min=0)
        logits, self._cache = self.model.step(torch.tensor(ids, device=device), mask, positions, self._cache)
        return logits

    def _keep(self, chosen: list[int]) -> None:
        """Let the other rows go, from the cache too."""
        import torch

        if len(chosen) == len(self.rows):
            return
        self.rows = [self.rows[i] for i in chosen]
        self._padding = [self._padding[i] for i in chosen]
        if self.rows:
            self._cache.batch_select_indices(torch.tensor(chosen, device=self.model.device))
            self._trim(min(self._padding))

    def _trim(self, places: int) -> None:
        """Cut off what all rows have as padding, when the longest prompt has gone."""
        if not places or not self.can_join:
            return
        for layer in self._cache.layers:
            layer.keys, layer.values = layer.keys[..., places:, :], layer.values[..., places:, :]
        self._padding = [pad - places for pad in self._padding]
        self._length -= places


def _padded(values, length: int):
    """Keys or values [rows, heads, places, size], zeros in front up to so many places."""
    import torch

    return torch.nn.functional.pad(values, (0, 0, length - values.shape[-2], 0))
