"""Make the dialogue data set (pocketaws/dialogues) from the grammar beside this file.

    cd code
    python -m pocketaws.hub.make_dialogues            writes datasets/dialogues/*.jsonl
    python -m pocketaws.hub.make_dialogues --check    makes it again and compares, byte by byte

Test is drawn first, then validation, then train. A draw is dropped when its dialogue was there before, read
with people's names blanked, or when it is about the same things (kind, outcome and two or more values) as a
row of another split.
"""

import argparse
import json
from pathlib import Path
from random import Random

from pocketaws.hub.grammar import Dialogue, Grammar

FOLDER = Path(__file__).resolve().parent / "datasets" / "dialogues"
SEED = "dialogues-1"
SIZES = {"test": 300, "validation": 300, "train": 4000}


def blanked(dialogue: Dialogue) -> str:
    """Return the dialogue's text with every person's name replaced by its slot: equal for near-duplicates."""
    text = dialogue.text
    for slot, term in dialogue.terms.items():
        if hasattr(term, "woman"):
            text = text.replace(term, slot)
    return text


def make(sizes: dict = SIZES, seed: str = SEED) -> dict:
    """Return {split: [Dialogue, ...]}, the same for the same seed on every machine."""
    grammar = Grammar()
    texts, keys, splits = set(), {}, {}
    for split, size in sizes.items():
        rng = Random(f"{seed}-{split}")
        rows = splits[split] = []
        while len(rows) < size:
            dialogue = grammar.draw(rng)
            text = blanked(dialogue)
            owner = keys.get(dialogue.key, split) if len(dialogue.key) > 3 else split
            if text in texts or owner != split:
                continue
            texts.add(text)
            keys[dialogue.key] = split
            rows.append(dialogue)
    return splits


def as_jsonl(split: str, dialogues: list) -> str:
    """Return the file's text: one {"id", "dialogue", "summary"} object a line."""
    rows = [
        {"id": f"{split}-{i:04d}", "dialogue": d.text, "summary": d.summary} for i, d in enumerate(dialogues)
    ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description="Make the dialogue data set.")
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    args = parser.parse_args(argv)
    wrong = []
    for split, dialogues in make().items():
        path, text = FOLDER / f"{split}.jsonl", as_jsonl(split, dialogues)
        if args.check:
            same = path.exists() and path.read_bytes() == text.encode("utf-8")
            wrong += [] if same else [path.name]
        else:
            FOLDER.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8"))
        print(f"{split}: {len(dialogues)} rows, {len(text.encode('utf-8')):,} bytes")
    if wrong:
        print(f"differs from the grammar: {', '.join(wrong)}. Fix: run this script without --check.")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
