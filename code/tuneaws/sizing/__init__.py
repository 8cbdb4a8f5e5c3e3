"""How much memory and arithmetic does tuning take, and which instances have it? Computed, not looked up.

    catalogue    base models: shapes, parameters, licences          find("llama-3.2-1b")
    activations  Setting, and what the backward pass keeps
    memory       every term of GPU memory, their sum, its range     memory_needed(model, setting)
    sharding     the same where several GPUs hold a model together  sharded_memory(model, setting, gpus)
    fitting      which instances fit, what to change, the figure    fits(model, "ml.g5.xlarge", setting)
    flops        floating-point operations of a step
"""
