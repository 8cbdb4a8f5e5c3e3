"""A grammar of messenger dialogues: reads grammar/*.txt, draws one dialogue with its summary.

The text files are written by hand for this project. A kind looks like this:

    == borrow                        a kind of dialogue
    slots: thing day day2:day        values to draw; "day2:day" draws from the pool "day"
    A: Can I borrow ... | Do you     one turn; " | " separates wordings
    -- yes                           an outcome: its turns follow the common ones
    B: Yes, when do you need it?
    ~                                small talk may interrupt here
    => {B} will lend {A} ...         wordings of the summary
    ? What does {A} want? = ...      a question and its answer (used to pretrain the base model)

values.py draws the values. A summary is only used when the drawn turns mention every value in it.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from pocketaws.hub.values import FOLDER, MADE, Term, capital, less, pick, read_pools, shuffled

KIND_FILES = ("plans.txt", "errands.txt", "news.txt", "work.txt")
SLOT = re.compile(r"\{(\w+)[.}]")
GREETING = re.compile(r"^(Hi|Hey|Hello)( \{B\})?[,!] ")
STYLES = ("plain", "plain", "plain", "lower", "nodot", "lower nodot", "smile", "loud")
SMILES = (" :)", " ;)", " :D", " \U0001f642", " \u2764")


@dataclass(frozen=True)
class Outcome:
    """One way a kind of dialogue can end."""

    name: str
    turns: list
    summaries: list


@dataclass(frozen=True)
class Kind:
    """One kind of dialogue: `slots` maps a slot to its pool, `turns` are common to all outcomes."""

    name: str
    slots: dict
    turns: list
    outcomes: list
    questions: list


@dataclass
class Dialogue:
    """A drawn dialogue. `lines` are (speaker, text); `key` is what it is about, people's names left out.

    `template` is the summary before its values were filled in, `rejected` those of the other outcomes.
    """

    kind: str
    outcome: str
    people: list
    lines: list
    summary: str
    questions: list
    key: tuple
    terms: dict = field(default_factory=dict)
    template: str = ""
    rejected: list = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(f"{speaker}: {text}" for speaker, text in self.lines)


def read_kinds(folder: Path = FOLDER) -> list:
    """Read every kind of dialogue, in file order."""
    blocks = []
    for name in KIND_FILES:
        blocks += (folder / name).read_text(encoding="utf-8").split("\n== ")[1:]
    return [parse_kind(block) for block in blocks]


def parse_kind(block: str) -> Kind:
    """Parse one "== kind" block. Raises ValueError for a line it does not know."""
    head, *lines = block.strip().split("\n")
    kind = Kind(head.strip(), {}, [], [], [])
    turns = kind.turns
    for line in lines:
        mark, _, rest = line.partition(" ")
        if mark == "slots:":
            for slot in rest.split():
                name, _, pool = slot.partition(":")
                kind.slots[name] = pool or name
        elif mark == "--":
            turns = []
            kind.outcomes.append(Outcome(rest.strip(), turns, []))
        elif mark in ("A:", "B:", "C:"):
            turns.append((mark[0], rest.split(" | ")))
        elif mark == "~":
            turns.append(("~", []))
        elif mark == "=>":
            kind.outcomes[-1].summaries.extend(rest.split(" | "))
        elif mark == "?":
            kind.questions.append(tuple(rest.split(" = ")))
        elif mark and not mark.startswith("#"):
            raise ValueError(f"kind {head}: cannot read the line {line!r}")
    return kind


def read_smalltalk(path: Path = FOLDER / "smalltalk.txt") -> dict:
    """Read {"greeting" | "chat" | "closing": [[(speaker, template), ...], ...]}."""
    parts = {}
    for block in path.read_text(encoding="utf-8").split("\n== ")[1:]:
        name, *lines = block.strip().split("\n")
        chats = [line.split("##") for line in lines if line]
        parts[name] = [[tuple(turn.strip().split(": ", 1)) for turn in chat] for chat in chats]
    return parts


class Grammar:
    """Draws dialogues. `names(rng)` may replace the name pool (it returns a Name)."""

    def __init__(self, names=None):
        self.pools = read_pools()
        self.kinds = read_kinds()
        self.smalltalk = read_smalltalk()
        self.names = names or (lambda rng: pick(rng, self.pools["woman" if rng.random() < 0.5 else "man"]))

    def draw(self, rng: Random) -> Dialogue:
        """Draw one dialogue with its summary."""
        kind = pick(rng, self.kinds)
        outcome = pick(rng, kind.outcomes)
        terms, used = {}, []
        for slot, pool in [("A", "name"), ("B", "name"), ("C", "name"), ("N", "name"), *kind.slots.items()]:
            terms[slot] = less(rng, terms["price"]) if pool == "less" else self.value(rng, pool, used)
        topic, summaries = self.topic_turns(rng, kind, outcome)
        lines = self.with_smalltalk(rng, topic, terms, used)
        template = pick(rng, summaries)
        summary = capital(template.format(**terms))
        mentioned = [s for _, t in topic for s in SLOT.findall(t) if kind.slots.get(s, "name") != "name"]
        key = (kind.name, outcome.name, *sorted({str(terms[s]) for s in mentioned}))
        questions = [(capital(q.format(**terms)), capital(a.format(**terms))) for q, a in kind.questions]
        people = list(dict.fromkeys(speaker for speaker, _ in lines))
        rejected = [text for other in kind.outcomes if other is not outcome for text in other.summaries]
        return Dialogue(
            kind.name, outcome.name, people, lines, summary, questions, key, terms, template, rejected
        )

    def topic_turns(self, rng: Random, kind: Kind, outcome: Outcome) -> tuple:
        """Return [(speaker letter or "~", template)] of the matter, and the summaries that it supports."""
        while True:
            turns = [(who, pick(rng, texts) if texts else "") for who, texts in kind.turns + outcome.turns]
            said = {"A", "B", "C"}.union(*(SLOT.findall(text) for _, text in turns))
            supported = [text for text in outcome.summaries if said.issuperset(SLOT.findall(text))]
            if supported:
                return turns, supported

    def with_smalltalk(self, rng: Random, topic: list, terms: dict, used: list) -> list:
        """Put greeting, chat and closing around (and, at "~", into) the topic; return the written lines."""
        letters = ["A", "B"] + (["C"] if any(who == "C" for who, _ in topic) else [])
        style = {letter: pick(rng, STYLES) for letter in letters}
        chats = how_many_chats(rng)
        places = [-1, len(topic)] + [i for i, (who, _) in enumerate(topic) if who == "~"]
        where = [pick(rng, places) for _ in range(chats)]
        turns, told = [], []

        def add(part, letters=("A", "B"), values=None):
            for who, template in part:
                speaker = letters["AB".index(who)] if who in "AB" else who
                text = template.format(**(values or terms))
                turns.append((speaker, dress(rng, text, template[:1] != "{", style[speaker])))

        greeted = rng.random() < 0.45
        if greeted:
            add(pick(rng, self.smalltalk["greeting"]))
        for i in [-1, *range(len(topic)), len(topic)]:
            for _ in range(where.count(i)):
                chat = pick(rng, [c for c in self.smalltalk["chat"] if c not in told])
                told.append(chat)
                a, b = shuffled(rng, letters)[:2]
                values = {**terms, "A": terms[a], "B": terms[b], **self.chat_values(rng, chat, used)}
                add(chat, (a, b), values)
            if 0 <= i < len(topic) and topic[i][0] != "~":
                who, template = topic[i]
                cut = GREETING.sub("", template) if turns else template
                add([(who, capital(cut))])
        if rng.random() < 0.4:
            add(pick(rng, self.smalltalk["closing"]))
        return [(str(terms[speaker]), text) for speaker, text in turns]

    def chat_values(self, rng: Random, chat: list, used: list) -> dict:
        """Draw the values of one chat: never those of the matter, so that they are lures and not clues."""
        slots = dict.fromkeys(slot for _, text in chat for slot in SLOT.findall(text) if slot not in "AB")
        pools = {"N": "name", "day2": "day"}
        return {slot: self.value(rng, pools.get(slot, slot), used) for slot in slots}

    def value(self, rng: Random, pool: str, used: list) -> Term:
        """Draw a value of `pool` that is not in `used`, and put it there."""
        while True:
            if pool == "name":
                value = self.names(rng)
            else:
                value = MADE[pool](rng, self.pools) if pool in MADE else pick(rng, self.pools[pool])
            mark = (pool, value.split()[-1]) if pool == "day" else value.bare
            if mark not in used:
                used.append(mark)
                return value


def dress(rng: Random, text: str, literal: bool, style: str) -> str:
    """Write a turn in a speaker's style. `literal`: it starts with the grammar's own word, not a value."""
    text = capital(text)
    if "lower" in style and literal and not re.match(r"I\b|[A-Z]{2}", text):
        text = text[:1].lower() + text[1:]
    if "nodot" in style and text.endswith("."):
        text = text[:-1]
    wordy = text[-1:].isascii() and re.search("[a-z]", text)
    if style == "smile" and wordy and rng.random() < 0.3:
        text += pick(rng, SMILES)
    if style == "loud" and text.endswith("."):
        text = text[:-1] + "!"
    return text


def how_many_chats(rng: Random) -> int:
    """Return how many bits of small talk a dialogue gets: mostly 0 to 3; one in ten is long, with 4 to 17."""
    r = rng.random()
    if r >= 0.9:
        return 4 + int(rng.random() * 14)
    return 0 if r < 0.3 else 1 if r < 0.58 else 2 if r < 0.76 else 3
