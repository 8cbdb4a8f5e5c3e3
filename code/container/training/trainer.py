"""The Trainer of transformers, with its own order of rows and a loss that computes the logits it needs."""

import contextlib
import dataclasses
import inspect
import math
import signal
import time

import distributed
import fused
import losses
import packing
import torch
from batches import Batches, Plan
from chat_data import IGNORE, Collator
from resuming import WholeCheckpoints, made_by
from saving import adapter_weights
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainingArguments

EVAL_SHARE = 0.05  # of the time, for the evaluations of eval_steps -1
# Our word for an optimizer → that of TrainingArguments. All of them keep their state in 32 bits.
OPTIMIZERS = {"adamw": "adamw_torch_fused", "adafactor": "adafactor", "sgd": "sgd"}


class StopAsked:
    """True once the process got SIGTERM.

    SageMaker stops a job so, and kills what is left 120 s later; the window is there to save the model
    (API reference of StopTrainingJob, read 2026-11).
    """

    def __init__(self):
        self.asked = self._signalled = False

    def __bool__(self) -> bool:
        return self.asked

    def listen(self) -> None:
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, signum, frame) -> None:
        self._signalled = True
        self.asked |= distributed.world() == 1

    def agree(self) -> bool:
        """Whether some rank got it. All ranks ask at the same points, so they stop after the same step."""
        if not self.asked:
            self.asked = distributed.any_rank(self._signalled)
        return self.asked


class ChatTrainer(WholeCheckpoints, Trainer):
    """Trainer that counts what it trains on.

    window_loss    sum of the steps' losses since the last report, each the mean over the step's labels
    window_tokens  tokens since the last report, padding left out
    paused_s       seconds spent in evaluations so far
    rate           the learning rate of the newest step
    """

    def __init__(self, *args, plan: Plan, **kwargs):
        super().__init__(*args, **kwargs)
        self.plan = plan
        self.remove_callback(PrinterCallback)  # the metric lines say the same in one form for every version
        self.stop = StopAsked()
        self.model_accepts_loss_kwargs = True  # compute_loss below divides by the labels of the whole step
        self.loss_is_scaled_for_ga = True  # the same, in the words of transformers 5
        self.window_loss = self.window_tokens = self.paused_s = self.rate = 0.0
        self.base = self.model.get_base_model()
        self.encoder_decoder = self.base.config.is_encoder_decoder
        forward = inspect.signature(self.base.forward).parameters
        self.picks_logits = "logits_to_keep" in forward
        self.head = losses.Head(self.base)

    def get_train_dataloader(self) -> DataLoader:
        """This rank's micro-batches as the plan has them. accelerate must not share them out once more."""
        rank = self.args.process_index
        return DataLoader(
            self.train_dataset,
            batch_sampler=Batches(self.plan, rank, lambda: self.state.global_step),
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def _save(self, output_dir=None, state_dict=None) -> None:
        super()._save(output_dir, state_dict or adapter_weights(self.model))

    def floating_point_ops(self, inputs) -> int:
        return 0  # the Trainer's count walks over all weights at each step, and nothing here reads it

    def training_step(self, model, inputs, num_items_in_batch=None):
        if num_items_in_batch is not None:
            # The labels of all ranks, which add up their gradients and divide them by their number.
            num_items_in_batch = num_items_in_batch / distributed.world()
        try:
            loss = super().training_step(model, inputs, num_items_in_batch)
        finally:
            packing.enter(None)
        self.rate = self.optimizer.param_groups[0]["lr"]
        self.window_loss = self.window_loss + loss  # stays on the device: no wait for the GPU
        if "lengths" in inputs:
            self.window_tokens = self.window_tokens + sum(inputs["lengths"])
            return loss
        self.window_tokens = self.window_tokens + inputs["attention_mask"].sum()
        if self.encoder_decoder:  # the decoder's tokens are not among the encoder's
            self.window_tokens = self.window_tokens + (inputs["labels"] != IGNORE).sum()
        return loss

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """The cross entropy summed over the labels of a batch, over num_items_in_batch (else their number).

        Logits are computed only for the columns in which some row has a label: most of a chat is prompt, and
        the logits of a large vocabulary are the largest tensor of the step. Where they still are too large,
        they are computed in pieces (losses.py).
        """
        labels = inputs["labels"][:, 1:]
        packed = "lengths" in inputs
        packing.enter(inputs.get("lengths"), labels.device)
        more = {"position_ids": inputs["position_ids"]} if packed else {}
        if self.encoder_decoder:
            more = {
                "decoder_input_ids": self.base.prepare_decoder_input_ids_from_labels(labels),
                "use_cache": False,  # T5's decoder has a configuration of its own, which load_base leaves
            }
        # Those of a packed batch are known already: to look for them on a GPU would be to wait for it.
        columns = inputs["columns"] if packed else (labels != IGNORE).any(dim=0).nonzero().squeeze(1)
        keep = {"logits_to_keep": columns} if self.picks_logits else {}
        wanted = labels[:, columns]
        later = self.head.must_wait(wanted.numel())
        with self.head if later else contextlib.nullcontext():
            outputs = model(
                input_ids=inputs["input_ids"], attention_mask=inputs.get("attention_mask"), **keep, **more
            )
        logits = outputs.logits if self.picks_logits else outputs.logits[:, columns]
        total = self.head.total(logits, wanted) if later else losses.total(logits, wanted)
        loss = total / (num_items_in_batch if num_items_in_batch is not None else (wanted != IGNORE).sum())
        return (loss, outputs) if return_outputs else loss

    @torch.no_grad()
    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix="eval"):
        """{"eval_loss": mean over every label of the validation rows}, whatever the batch size.

        Stops early when the job is being stopped; the result is then NaN and not reported.
        """
        started = time.perf_counter()
        rows = sorted(self.eval_dataset, key=lambda row: len(row["input_ids"]))
        size = self.args.per_device_eval_batch_size
        self.model.eval()
        total = labels = 0.0
        rank, ranks = distributed.rank(), distributed.world()
        for begin in range(0, len(rows), size * ranks):  # every rank has a batch, if of no rows
            if self.stop.agree():
                return {"eval_loss": math.nan}
            mine = rows[begin + rank : begin + size * ranks : ranks]
            batch = self._prepare_inputs(self.data_collator(mine))
            with self.compute_loss_context_manager():
                total += self.compute_loss(self.model, batch, num_items_in_batch=1).item()
            labels += (batch["labels"][:, 1:] != IGNORE).sum().item()
        packing.enter(None)
        total, labels = distributed.totals(total, labels)
        self.paused_s += time.perf_counter() - started
        metrics = {"eval_loss": total / labels}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def training_arguments(args, device, steps: int, validate: bool, checkpointing: bool) -> TrainingArguments:
    """The Trainer's settings, for transformers 4.56 to 5."""
    known = {field.name for field in dataclasses.fields(TrainingArguments)}
    word = "activation" if "activation_checkpointing" in known else "gradient"
    recompute = {f"{word}_checkpointing": checkpointing}
    if checkpointing:
        recompute[f"{word}_checkpointing_kwargs"] = {"use_reentrant": False}
    return TrainingArguments(
        output_dir=str(args.checkpoint_dir),
        num_train_epochs=args.epochs,
        max_steps=args.max_steps,
        per_device_train_batch_size=args.per_device_train_batch_size,
        per_device_eval_batch_size=args.per_device_eval_batch_size,
        gradient_accumulation_steps=args.gradient_accumulation_steps,
        learning_rate=args.learning_rate,
        lr_scheduler_type=args.lr_scheduler_type,
        warmup_steps=math.ceil(args.warmup_ratio * steps),
        weight_decay=args.weight_decay,
        optim=OPTIMIZERS[args.optimizer],
        bf16=device.dtype == torch.bfloat16,
        fp16=device.dtype == torch.float16,
        use_cpu=device.kind == "cpu",
        logging_steps=args.logging_steps,
        logging_first_step=True,  # the first loss is the base model's: the curve starts there
        logging_nan_inf_filter=False,  # a loss that is no number is shown, not replaced
        eval_strategy="steps" if validate and args.eval_steps else "no",
        eval_steps=args.eval_steps or None,
        save_strategy="steps" if args.save_steps else "no",
        save_steps=args.save_steps or 500,
        save_total_limit=2,
        seed=args.seed,
        data_seed=args.seed,
        remove_unused_columns=False,
        dataloader_pin_memory=device.kind == "cuda",
        report_to="none",
        disable_tqdm=True,
        average_tokens_across_devices=distributed.world() > 1,  # a step's labels are those of all ranks
        ddp_find_unused_parameters=False,
        ddp_broadcast_buffers=False,
        **recompute,
    )


def make_plan(args, rows: list[dict], packed: bool) -> Plan:
    """The order of the rows. An encoder-decoder's rows are as long as prompt and answer together."""
    ranks = distributed.world()
    return Plan(
        lengths=[len(row["input_ids"]) + (not packed and len(row["labels"])) for row in rows],
        rows_a_step=args.per_device_train_batch_size * args.gradient_accumulation_steps * ranks,
        micro_batches=args.gradient_accumulation_steps, seed=args.seed, ranks=ranks, packed=packed,
    )  # fmt: skip


def total_steps(args, plan: Plan) -> int:
    """Optimizer steps of a run."""
    return args.max_steps if args.max_steps > 0 else plan.steps(args.epochs)


def eval_every(steps: int, step_tokens: float, eval_tokens: int) -> int:
    """Steps between two evaluations that take EVAL_SHARE of the time, and ten evaluations a run at most.

    A token costs a third as much to evaluate as to train (0.33, 0.34, 0.35 of it on a CPU, 2026-11).
    """
    return max(math.ceil(eval_tokens / 3 / step_tokens / EVAL_SHARE), math.ceil(steps / 10))


def make_trainer(model, tokenizer, args, device, train, validation, checkpointing) -> ChatTrainer:
    """A trainer for encoded rows (chat_data.encode); validation may be None."""
    pad = tokenizer.pad_token_id
    pad = pad if pad is not None else tokenizer.eos_token_id or 0
    packed = model.get_base_model().config._attn_implementation == packing.NAME
    plan = make_plan(args, train, packed)
    if args.eval_steps < 0:
        step_tokens = plan.tokens(range(len(train))) / plan.steps_an_epoch
        eval_tokens = sum(len(row["input_ids"]) for row in validation or ())
        args.eval_steps = eval_every(total_steps(args, plan), step_tokens, eval_tokens)
    fused.fuse(model)
    trainer = ChatTrainer(
        model=model,
        args=training_arguments(args, device, total_steps(args, plan), bool(validation), checkpointing),
        train_dataset=train,
        eval_dataset=validation,
        data_collator=packing.PackedCollator(pad) if packed else Collator(pad),
        plan=plan,
    )
    trainer.made_by = made_by(args, plan, train)
    return trainer
