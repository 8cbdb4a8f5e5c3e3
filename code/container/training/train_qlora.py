"""Fine-tune a chat model with QLoRA: on a laptop, in a SageMaker container, in CI.

    python train_qlora.py --model_id HuggingFaceTB/SmolLM2-135M-Instruct \\
        --training data/train --validation data/validation --model_dir out/model \\
        --max_steps 20 --learning_rate 2e-4

In a training job the folders come from SageMaker's SM_* variables and the rest from the hyperparameters.
Every *.jsonl of the training channel is read, a line is {"messages": [{"role": "user", "content": "…"}, …]};
the loss counts the assistant's tokens only. The adapter goes to model_dir, the merged model to its merged/.
SIGTERM (StopTrainingJob) ends training after the current step and saves the adapter as it is then.
With torchrun in front, or distribution={"torch_distributed": {"enabled": True}}, all GPUs of all instances
train one model (distributed.py); an optimizer step then has that many times the rows.
"""

import sys
import time

import distributed
from arguments import UserError, parse_arguments
from chat_rows import Report, Row, read_channel
from quiet import no_garbage, silence
from reporting import metric_line, peak_memory_mb, say, versions, write_metrics


def main(argv: list[str]) -> None:
    """Train as told; see the module's docstring for what comes from where.

    Raises  UserError for what the caller can put right.
    """
    run(parse_arguments(argv, __doc__), read_data)


def run(args, read, prepare=None) -> None:
    """Train on what `read` gives: args → [(rows, report), …], the training channel first.

    prepare  takes the tokenizer, the channels and whether the base model is an encoder-decoder, before the
             rows are encoded
    """
    distributed.check_launch()
    args.fsdp = args.fsdp and distributed.world() > 1  # one process has nobody to deal out to
    say(f"[setup] {versions()}")
    distributed.join()
    for channel in ("training", "validation"):
        if getattr(args, channel) is not None:
            setattr(args, channel, distributed.complete(getattr(args, channel), channel))
    with no_garbage():
        trainer, source, base_folder, reports = get_ready(args, read, prepare)
    final, history = train(trainer)
    from saving import gather_4bit_weights

    if args.fsdp and args.merge_weights and not trainer.stop and not distributed.is_first():
        gather_4bit_weights(trainer.model)  # for the first rank, which asks for them in merge()
    if distributed.is_first():
        finish(args, trainer, source, base_folder, final, history, reports)


def get_ready(args, read, prepare=None):
    """All that comes before training: (trainer, what the base was loaded from, its folder, the reports)."""
    channels = read(args)
    silence()
    from transformers import set_seed

    set_seed(args.seed)
    from qlora import is_encoder_decoder

    source, base_folder, tokenizer = open_base(args)
    encoder_decoder = is_encoder_decoder(base_folder)
    if prepare is not None:
        prepare(tokenizer, channels, encoder_decoder)
    examples = encode_data(tokenizer, channels, args, encoder_decoder)
    trainer = make_run(args, source, tokenizer, examples, encoder_decoder)
    return trainer, source, base_folder, [report for _, report in channels]


def open_base(args):
    """(what from_pretrained loads, the folder of its small files, its tokenizer), checked."""
    from qlora import base_files, load_tokenizer, longest_input
    from saving import check_can_merge

    source, folder = base_files(args)
    if args.merge_weights:
        check_can_merge(folder)
    limit = longest_input(folder, args.max_seq_length)
    if limit < args.max_seq_length:
        say(f"[model] takes {limit} tokens at most, so max_seq_length {args.max_seq_length} becomes {limit}")
        args.max_seq_length = limit
    return source, folder, load_tokenizer(folder)


def read_data(args) -> list[tuple[list[Row], Report]]:
    """The rows of the training channel and, if there is one, of the validation channel."""
    channels = [read_channel(args.training, "training")]
    if args.validation is None:
        say("[data] validation: no such channel, so there is no eval_loss")
    else:
        channels.append(read_channel(args.validation, "validation"))
    return channels


def encode_data(
    tokenizer, channels: list[tuple[list[Row], Report]], args, encoder_decoder: bool = False
) -> dict[str, list[dict]]:
    """Encoded rows by channel. Says what was kept and shows the first row."""
    from chat_data import encode_channel, sample
    from seq2seq_data import encode_pairs, sample_pair

    encode, show = (encode_pairs, sample_pair) if encoder_decoder else (encode_channel, sample)
    examples = {}
    for rows, report in channels:
        examples[report.channel] = encode(tokenizer, rows, report, args.max_seq_length)
        for line in report.lines(args.max_seq_length):
            say(line)
    for line in show(tokenizer, examples["training"][0]):
        say(line)
    return examples


def make_run(args, source: str, tokenizer, examples: dict[str, list[dict]], encoder_decoder: bool = False):
    """The trainer of one run: base model, adapter, data. Says what it trains and how long a step is."""
    from packing import use_per_row_attention
    from qlora import add_adapter, check_ids, load_base, pick_device, wants_checkpointing
    from trainer import make_trainer, total_steps

    device = pick_device(wide=encoder_decoder)
    started = time.perf_counter()
    base = load_base(source, device, args.quantization, encoder_decoder, on_cpu=args.fsdp)
    check_ids(base, examples)
    train = examples["training"]
    packed = not args.fsdp and use_per_row_attention(base)
    checkpointing = wants_checkpointing(base, args, device, max(len(row["input_ids"]) for row in train))
    model = add_adapter(base, args, source)
    trainable, total = model.get_nb_trainable_parameters()
    if args.fsdp:
        layers = distributed.shard(model, device.kind)
        say(f"[model] weights of {layers} layers dealt out to {distributed.parts()} processes")
        packed = use_per_row_attention(model)  # tried where the weights are now
    distributed.add_up_gradients_of_adapter_only(model)
    say(
        f"[model] {args.model_id or source} in {time.perf_counter() - started:.1f} s on {device.name}, "
        f"{device.dtype_name}, quantization {args.quantization}, gradient checkpointing "
        f"{'on' if checkpointing else 'off'}, rows {'packed' if packed else 'padded'}; "
        f"trains {trainable:,} of {total:,} parameters ({100 * trainable / total:.2f} %)"
    )
    trainer = make_trainer(model, tokenizer, args, device, train, examples.get("validation"), checkpointing)
    steps = total_steps(args, trainer.plan)
    say(f"[train] {steps:,} steps of {trainer.plan.rows_a_step} rows, {len(train):,} rows an epoch")
    return trainer


def train(trainer) -> tuple[dict, list[dict]]:
    """Run the training loop, from the newest whole checkpoint on, and the last evaluation.

    Returns the final figures and all metric lines as dicts.
    Raises  UserError if the GPU's memory does not suffice, or the loss is no number any more.
    """
    import resuming
    from reporting import make_reporter
    from torch.cuda import OutOfMemoryError

    reporter = make_reporter(trainer)
    trainer.add_callback(reporter)
    trainer.stop.listen()
    started = time.perf_counter()
    try:
        earlier_s = resuming.begin(trainer, reporter)
        runtime_s = earlier_s + time.perf_counter() - started
        if trainer.eval_dataset and not reporter.has_just_evaluated() and not trainer.stop.agree():
            trainer.evaluate()
    except OutOfMemoryError as err:
        raise UserError(
            f"the GPU's memory does not suffice at step {trainer.state.global_step + 1}: {err}\n"
            "Fix: halve per_device_train_batch_size and double gradient_accumulation_steps (same result), "
            "lower max_seq_length, or take an instance with a larger GPU."
        ) from err
    final = {
        "train_loss": reporter.loss_sum / trainer.state.global_step,
        "train_runtime_s": runtime_s,
        "trained_tokens": int(reporter.trained_tokens),
        "peak_memory_mb": max(distributed.gather(peak_memory_mb())),
    }
    return final, reporter.history


def finish(args, trainer, source: str, base_folder, final: dict, history: list[dict], reports: list) -> None:
    """Save the adapter, merge if asked and not being stopped, write the figures."""
    from provenance import describe
    from saving import merge, save_adapter

    save_adapter(trainer.model, base_folder, args.model_dir)
    run = describe(args, base_folder)
    write_metrics(args.output_data_dir, args, history, reports, final, bool(trainer.stop), run)
    say(metric_line(**final))
    step = trainer.state.global_step
    if trainer.stop:
        unmerged = ", the merged model is not" if args.merge_weights else ""
        say(f"[stopped] by SIGTERM after step {step} of {trainer.state.max_steps}: adapter saved{unmerged}")
        return
    say(f"[saved] adapter and tokenizer after step {step} in {args.model_dir}")
    if args.merge_weights:
        say(f"[saved] merged model in {merge(args.model_dir, source, base_folder, trainer.model)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
        distributed.leave()
    except UserError as err:
        # The sagemaker-training toolkit makes FailureReason of what follows the name of a Python exception.
        sys.exit(f"ValueError: {err}")
