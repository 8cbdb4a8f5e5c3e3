"""A LoRA layer in as few passes over its tensors as it needs.

    y = x Wᵀ + s · drop(x) Aᵀ Bᵀ         x (tokens, in), y (tokens, out), W frozen, A (r, in), B (out, r)

peft computes that with a copy, a product with s and a sum, each a pass over all of y forwards and again
backwards. Here B carries s, and the second term is added to the first by the matrix product itself (addmm).
The same numbers to within rounding; fuse() leaves a layer as it is where this does not fit.
"""

import types

import torch


class Lora(torch.autograd.Function):
    """See the module. weight is called for W whenever it is needed: 4-bit weights stay 4-bit in between."""

    @staticmethod
    def forward(ctx, x, a, b, weight, bias, scale, dropout):
        shape, dtype = x.shape, _arithmetic(x)
        rows = x.reshape(-1, shape[-1]).to(dtype)
        a16, b16 = a.to(dtype), (b * scale).to(dtype)
        dropped, mask = torch.native_dropout(rows, dropout, True) if dropout else (rows, None)
        inner = dropped @ a16.T
        y = torch.nn.functional.linear(rows, weight(dtype), bias)
        y.addmm_(inner, b16.T)
        ctx.save_for_backward(rows, inner, a, b, mask)
        ctx.weight, ctx.scale, ctx.dropout, ctx.dtype, ctx.input_dtype = (
            weight,
            scale,
            dropout,
            dtype,
            x.dtype,
        )
        return y.view(*shape[:-1], y.shape[-1])

    @staticmethod
    def backward(ctx, grad):
        rows, inner, a, b, mask = ctx.saved_tensors
        out = grad.reshape(-1, grad.shape[-1]).to(ctx.dtype)
        to_inner = out @ (b * ctx.scale).to(ctx.dtype)
        grad_b = (out.T @ inner).to(b.dtype) * ctx.scale
        keep = 1 / (1 - ctx.dropout)
        dropped = rows if mask is None else rows * mask * keep
        grad_a = (to_inner.T @ dropped).to(a.dtype)
        if not ctx.needs_input_grad[0]:
            return None, grad_a, grad_b, None, None, None, None
        grad_x = out @ ctx.weight(ctx.dtype)
        if mask is None:
            grad_x.addmm_(to_inner, a.to(ctx.dtype))
        else:
            grad_x.add_((to_inner @ a.to(ctx.dtype)).mul_(mask), alpha=keep)
        grad_x = grad_x.view(*grad.shape[:-1], -1).to(ctx.input_dtype)
        return grad_x, grad_a, grad_b, None, None, None, None


def _arithmetic(x) -> torch.dtype:
    """The dtype that a linear layer would compute in: autocast's where that is on."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def fuse(model) -> int:
    """Let the LoRA layers of a peft model compute as above; return how many do."""
    from peft.tuners.lora import Linear

    kinds = (Linear,)
    try:
        from peft.tuners.lora.bnb import Linear4bit

        kinds = (Linear, Linear4bit)
    except ImportError:  # bitsandbytes is not there: no layer has 4 bits
        pass
    layers = [layer for layer in model.modules() if type(layer) in kinds and _fits(layer)]
    for layer in layers:
        layer.peft_forward = layer.forward
        layer.forward = types.MethodType(_forward, layer)
    return len(layers)


def _fits(layer) -> bool:
    """One plain LoRA adapter on a linear layer: none of DoRA, aLoRA, a bias of B, weights in 8 bits."""
    base = layer.get_base_layer()
    return (
        isinstance(base, torch.nn.Linear)
        and not hasattr(base.weight, "full_tensor")  # dealt out to several GPUs: a call brings it together
        and list(layer.lora_A) == ["default"]
        and not any(getattr(layer, "use_dora", {}).values())
        and not getattr(layer, "lora_variant", {})
        and layer.lora_B["default"].bias is None
        and not getattr(layer, "fan_in_fan_out", False)
        and (base.weight.is_floating_point() or getattr(base.weight, "quant_state", None) is not None)
    )


def _forward(layer, x, *args, **kwargs):
    if layer.disable_adapters or layer.merged or layer.active_adapters != ["default"] or args or kwargs:
        return layer.peft_forward(x, *args, **kwargs)
    base = layer.get_base_layer()
    drop = layer.lora_dropout["default"]
    dropout = getattr(drop, "p", 0.0) if layer.training else 0.0
    bias = None if base.bias is None else base.bias.to(_arithmetic(x))
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    return Lora.apply(x, a, b, _weight_of(base), bias, layer.scaling["default"], dropout)


def _weight_of(base):
    """A function of the dtype that gives a layer's weight, (out, in)."""
    state = getattr(base.weight, "quant_state", None)
    if state is None:
        return lambda dtype: base.weight.detach().to(dtype)
    from bitsandbytes.functional import dequantize_4bit

    return lambda dtype: dequantize_4bit(base.weight.detach(), state).to(dtype)
