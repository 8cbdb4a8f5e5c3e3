"""The base model's pretraining tasks: short conversations with an assistant about dialogues and stories.

None of them asks for a summary. They ask who says what, what comes next, which days or prices are mentioned,
to repeat a dialogue or a part of it, and to turn notes into plain sentences. Half of the people have invented
names ("Tavemi"), so that the model has to copy names instead of knowing them.
"""

import re
from random import Random

from pocketaws.hub.grammar import SLOT, Dialogue, Grammar
from pocketaws.hub.values import FOLDER, Name, capital, pick, shuffled

SYLLABLES = (
    "ba be bo bra ca ce chi co da de do dra el en fa fe fi ga ge gra ha he ho il in ja je jo ka ke ki ko la"
    " le li lo lu ma me mi mo na ne ni no or pa pe po pri ra re ri ro sa se si sta ta te ti to tri un va ve"
    " vi wa wi ya ze zo"
).split()
ENDINGS = ["", "", "", "n", "r", "s", "l", "th", "na", "ck", "ny", "m", "a", "d"]
MENTIONS = {
    "day": "days", "time": "times", "price": "prices", "spot": "places", "city": "cities", "dish": "dishes",
    "thing": "things", "film": "films or books", "restaurant": "restaurants", "event": "events",
    "pet": "animals", "device": "devices", "job": "jobs", "company": "companies", "gift": "presents",
    "subject": "subjects",
}  # fmt: skip
QUESTION_FIRST = 0.5
VALUE = re.compile(r"\{\w+(?:\.\w+)?\}")


def invented_name(rng: Random) -> Name:
    """Return a name of two or three syllables that is in no pool."""
    parts = [pick(rng, SYLLABLES) for _ in range(2 if rng.random() < 0.6 else 3)]
    name = Name(("".join(parts) + pick(rng, ENDINGS)).capitalize())
    name.woman = rng.random() < 0.5
    return name


def pretraining_grammar() -> Grammar:
    """Return a grammar whose people have pool names and invented names, half and half."""
    grammar = Grammar()
    pooled = grammar.names
    grammar.names = lambda rng: pooled(rng) if rng.random() < 0.5 else invented_name(rng)
    return grammar


def conversation(rng: Random, grammar: Grammar, taken: set, level: int = 1) -> list:
    """Draw one pretraining conversation: [{"role", "content"}, ...], user first.

    taken   keys of dialogues that must not be used (those of the data set's validation and test splits)
    level   0: mostly word lists and stories, which are short, and teach copying before dialogues need it;
            1: mostly dialogues; 2: dialogues, with questions for which they must be understood;
            3: the same, and statements of which most is missing
    """
    words, stories = ((0.6, 0.2), (0.12, 0.18), (0.03, 0.07), (0.03, 0.07))[level]
    r = rng.random()
    if r < words + stories:
        return about_words(rng, grammar) if r < words else about_story(rng, grammar)
    dialogue = grammar.draw(rng)
    while dialogue.key in taken:
        dialogue = grammar.draw(rng)
    return about_dialogue(rng, dialogue, level)


def about_dialogue(rng: Random, dialogue: Dialogue, level: int = 1) -> list:
    """Ask two to five things about a dialogue, the first one together with its text."""
    asked = shuffled(rng, tasks(rng, dialogue))[: 2 + int(rng.random() * 4)]
    if level == 2:
        asked = shuffled(rng, asked[:1] + statements(rng, dialogue))
    if level == 3:
        asked = shuffled(
            rng, asked[:1] + statements(rng, dialogue)[:2] + [long_gap(rng, dialogue) for _ in "12"]
        )
    messages = []
    for i, (question, answer) in enumerate(asked):
        if i == 0:
            parts = [question, dialogue.text]
            question = "\n\n".join(parts if rng.random() < QUESTION_FIRST else parts[::-1])
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return messages


def tasks(rng: Random, dialogue: Dialogue) -> list:
    """Return the (question, answer) pairs that can be asked about a dialogue."""
    lines, people = dialogue.lines, dialogue.people
    speaker = pick(rng, people)
    own = [text for who, text in lines if who == speaker]
    pairs = [
        (pick(rng, ("Who takes part?", "Who is talking?", "Name the speakers.")), and_list(people) + "."),
        (f"What does {speaker} say first?", own[0]),
        (f"What does {speaker} say last?", own[-1]),
        (f"How many messages does {speaker} write?", f"{len(own)}."),
        third_person(rng, lines),
    ]
    pairs += list(dialogue.questions) + mentions(rng, dialogue)
    for _ in range(2):
        who, text = pick(rng, lines)
        if [t for _, t in lines].count(text) == 1:
            pairs.append((f'Who says "{text}"?', f"{who}."))
    i = int(rng.random() * (len(lines) - 1))
    if lines.count(lines[i]) == 1:
        pairs.append((f'What comes after "{lines[i][1]}"?', f"{lines[i + 1][0]}: {lines[i + 1][1]}"))
    if len(own) < 6:
        pairs.append((f"Repeat what {speaker} says.", "\n".join(own)))
    if len(dialogue.text) < 450:
        pairs.append((pick(rng, ("Repeat the conversation.", "Copy this conversation.")), dialogue.text))
    return pairs


def statements(rng: Random, dialogue: Dialogue) -> list:
    """Ask about statements: which word is missing, whether one is right, which of two is right."""
    spots = [match.span() for match in VALUE.finditer(dialogue.template)]
    pairs = []
    for start, end in shuffled(rng, spots)[:3]:
        gap = dialogue.template[:start] + "___" + dialogue.template[end:]
        question = f'What is missing in "{capital(gap.format(**dialogue.terms))}"?'
        pairs.append((question, dialogue.template[start:end].format(**dialogue.terms)))
    blanks = VALUE.sub("___", dialogue.template)
    values = [dialogue.template[start:end].format(**dialogue.terms) for start, end in spots]
    pairs.append((f'What is missing in "{capital(blanks)}"?', ", ".join(values)))
    wrong = capital(pick(rng, dialogue.rejected).format(**dialogue.terms))
    right_first = rng.random() < 0.5
    first, second = (dialogue.summary, wrong) if right_first else (wrong, dialogue.summary)
    pairs.append((f"Which is right?\n1. {first}\n2. {second}", "1." if right_first else "2."))
    pairs.append((f'Is it right that "{first}"?', "Yes." if right_first else "No."))
    return shuffled(rng, pairs)[: 3 + int(rng.random() * 2)]


def long_gap(rng: Random, dialogue: Dialogue) -> tuple:
    """Ask for three or more words in a row that are missing from a statement, never for its first word."""
    words = dialogue.summary[:-1].split()
    start = 1 + int(rng.random() * (len(words) - 3))
    end = len(words) if rng.random() < 0.6 else min(len(words), start + 3 + int(rng.random() * 6))
    gap = " ".join([*words[:start], "___", *words[end:]])
    return f'What is missing in "{gap}."?', " ".join(words[start:end])


def third_person(rng: Random, lines: list) -> tuple:
    """Retell two or three messages in the third person, word for word."""
    start = int(rng.random() * max(1, len(lines) - 2))
    part = lines[start : start + 3]
    told = [f'{who} {"asks" if text.endswith("?") else "says"}, "{text}"' for who, text in part]
    return f'Retell what follows from "{part[0][1]}" on.', " Then ".join(told)


def mentions(rng: Random, dialogue: Dialogue) -> list:
    """Ask for all days (prices, places, ...) that the matter of the dialogue mentions, in their order."""
    pairs = []
    pools = {re.sub(r"\d$", "", slot) for slot in dialogue.terms} & MENTIONS.keys()
    for pool in sorted(pools):
        found = {}
        for slot, term in dialogue.terms.items():
            at = dialogue.text.lower().find(term.bare.lower())
            if re.sub(r"\d$", "", slot) == pool and at >= 0:
                found[at] = str(term)
        if found:
            values = [found[at] for at in sorted(found)]
            pairs.append((f"Which {MENTIONS[pool]} do they talk about?", capital(and_list(values)) + "."))
    return pairs


def about_words(rng: Random, grammar: Grammar) -> list:
    """Repeat a list of names and things, then say which one follows another: copying is the first skill."""
    pools = [pool for name, pool in grammar.pools.items() if name in MENTIONS or name == "goods"]
    count, words = 3 + int(rng.random() * 8), {}
    while len(words) < count:
        words[str(invented_name(rng) if rng.random() < 0.6 else pick(rng, pick(rng, pools)).bare)] = None
    words = list(words)
    messages = [
        {"role": "user", "content": "Repeat these words.\n\n" + "\n".join(words)},
        {"role": "assistant", "content": ", ".join(words)},
    ]
    for _ in range(2):
        i = int(rng.random() * (count - 1))
        messages.append({"role": "user", "content": f"Which word comes after {words[i]}?"})
        messages.append({"role": "assistant", "content": words[i + 1] + "."})
    return messages


def about_story(rng: Random, grammar: Grammar) -> list:
    """Turn notes into sentences, then ask about the story."""
    sentences = (FOLDER / "prose.txt").read_text(encoding="utf-8").strip().split("\n")[1:]
    terms, used, chosen = {}, [], shuffled(rng, sentences)[: 2 + int(rng.random() * 4)]
    for slot in ["A", "B", "friend", *(s for text in chosen for s in SLOT.findall(text))]:
        if slot not in terms:
            pool = "name" if slot in ("A", "B", "friend") else re.sub(r"\d$", "", slot)
            pool = slot if slot in grammar.pools else pool
            terms[slot] = grammar.value(rng, pool, used)
    told = [capital(text.format(**terms)) for text in chosen]
    notes = [", ".join(dict.fromkeys(str(terms[s]) for s in SLOT.findall(text))) for text in chosen]
    messages = [
        {"role": "user", "content": "Write one sentence for each note.\n\n" + "\n".join(notes)},
        {"role": "assistant", "content": " ".join(told)},
    ]
    i = int(rng.random() * len(told))
    question = pick(rng, (f"Which sentence is about this: {notes[i]}?", f"Repeat sentence {i + 1}."))
    return messages + [{"role": "user", "content": question}, {"role": "assistant", "content": told[i]}]


def and_list(values: list) -> str:
    """Join values as English does: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(values[:-1]), values[-1]]))
