"""The process that tunes: python -m pocketaws.bedrock_tuning.tune FOLDER

FOLDER has settings.json, training-0.jsonl and validation-1.jsonl, … as the engine put them there. Written to
it: metrics.jsonl, a line for each step and each validation, and model/, the tuned model for transformers.
Printed: "[phase] training" when the rows are tokens, and "[failed] …" in front of what a failureMessage says.
"""

import importlib.util
import json
import sys
from pathlib import Path

NEEDED = ("torch", "safetensors", "tokenizers", "numpy")


def main(folder: Path) -> int:
    """Tune the model of a folder; the exit code."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"[failed] tuning in the local AWS needs {', '.join(missing)}, which its Python does not have. "
            f"Fix: {sys.executable} -m pip install {' '.join(missing)}",
            flush=True,
        )
        return 1
    from pocketaws.bedrock_tuning import rows

    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    base = Path(settings["base"])
    tokens = rows.ChatTokens(base)
    training = rows.read(folder / "training-0.jsonl", settings["schema"], tokens)
    paths = sorted(folder.glob("validation-*.jsonl"), key=lambda path: int(path.stem.partition("-")[2]))
    validations = [rows.read(path, settings["schema"], tokens) for path in paths]
    print("[phase] training", flush=True)
    return train(folder, base, settings, training, validations)


def train(folder: Path, base: Path, settings: dict, training: list, validations: list) -> int:
    """Train and save; the exit code."""
    from pocketaws.bedrock_tuning import lora, recipe

    model = lora.LoraLlama(base)
    with open(folder / "metrics.jsonl", "w", encoding="utf-8") as metrics:
        try:
            recipe.tune(
                model, training, settings, validations, lambda row: metrics.write(f"{json.dumps(row)}\n")
            )
        except recipe.NotANumber as err:
            print(f"[failed] {err}. Fix: ask for a lower learningRate.", flush=True)
            return 1
    model.save(folder / "model")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
