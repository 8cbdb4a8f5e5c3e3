"""The values that fill a dialogue's slots: words with their English forms, names, days, times and prices.

Everything random comes from `Random.random()`: Python keeps that sequence for a seed, in every version, and
it does not depend on hash order.
"""

import re
from pathlib import Path
from random import Random

FOLDER = Path(__file__).resolve().parent / "grammar"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WIFI_WORDS = tuple("bluecat tulip harbour moonpie lemonade rocket paperboat sesame walnut comet".split())
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()
AMOUNTS = (5, 8, 12, 15, 18, 20, 25, 30, 35, 40, 45, 60, 75, 80, 90, 110, 120, 150, 180, 200, 240, 300)
MONEY = ("{} euros", "{} euros", "${}", "\u00a3{}", "{} dollars")


class Term(str):
    """A drawn value that a template can inflect: {x} {x.Cap} {x.the} {x.bare} {x.i} {x.on} {x.On}."""

    first_person = ""
    preposition = ""

    @property
    def Cap(self) -> str:
        """The value with a capital letter, for the start of a sentence."""
        return capital(self)

    @property
    def bare(self) -> str:
        """The value without its article: "an umbrella" gives "umbrella"."""
        return re.sub(r"^(an?|the) ", "", self)

    @property
    def the(self) -> str:
        """The value with "the"."""
        return "the " + self.bare

    @property
    def i(self) -> str:
        """The value as its speaker says it: "have guests" for "has guests"."""
        return self.first_person or str(self)

    @property
    def on(self) -> str:
        """A day with the "on" it needs: "on Monday", but "tomorrow"."""
        return self.preposition + self

    @property
    def On(self) -> str:
        """`on`, at the start of a sentence."""
        return capital(self.on)


class Name(Term):
    """A person; {A.he} {A.him} {A.his} and {A.He} {A.His} follow the name's usual pronoun."""

    woman = False

    @property
    def he(self) -> str:
        """he or she"""
        return "she" if self.woman else "he"

    @property
    def him(self) -> str:
        """him or her"""
        return "her" if self.woman else "him"

    @property
    def his(self) -> str:
        """his or her"""
        return "her" if self.woman else "his"

    @property
    def He(self) -> str:
        """He or She"""
        return capital(self.he)

    @property
    def His(self) -> str:
        """His or Her"""
        return capital(self.his)


def capital(text: str) -> str:
    """Return `text` with its first letter in upper case, the rest untouched."""
    return text[:1].upper() + text[1:]


def pick(rng: Random, values):
    """Return one of `values` (a sequence)."""
    return values[int(rng.random() * len(values))]


def shuffled(rng: Random, values) -> list:
    """Return `values` in random order."""
    return [value for _, _, value in sorted((rng.random(), i, value) for i, value in enumerate(values))]


def read_pools(path: Path = FOLDER / "pools.txt") -> dict:
    """Read the word pools: {pool: [Term, ...]}. Raises ValueError if a value stands twice in a pool."""
    pools = {}
    for block in path.read_text(encoding="utf-8").split("\n== ")[1:]:
        name, _, body = block.partition("\n")
        values = [" ".join(value.split()) for value in body.split(";")]
        if len(set(values)) < len(values):
            raise ValueError(f"pool {name}: a value stands twice")
        pools[name.strip()] = [as_term(name.strip(), value) for value in values if value]
    return pools


def as_term(pool: str, value: str) -> Term:
    """Make the Term (or Name) for one pool entry; "have guests / has guests" keeps both persons."""
    if pool in ("woman", "man"):
        name = Name(value)
        name.woman = pool == "woman"
        return name
    first, _, third = value.partition(" / ")
    term = Term(third or first)
    term.first_person = first
    return term


def made_day(rng: Random, pools: dict) -> Term:
    """A day: "Monday", "next Monday", "tomorrow" or "May 14"; {day.on} adds "on" where English wants it."""
    r = rng.random()
    if r < 0.08:
        return Term("tomorrow")
    if 0.55 <= r < 0.8:
        return Term("next " + pick(rng, WEEKDAYS))
    if r < 0.55:
        day = Term(pick(rng, WEEKDAYS))
    else:
        day = Term(f"{pick(rng, pools['month'])} {1 + int(rng.random() * 28)}")
    day.preposition = "on "
    return day


def made_time(rng: Random, pools: dict) -> Term:
    """A time of day in one of five spellings."""
    hour, r = 1 + int(rng.random() * 12), rng.random()
    if r < 0.35:
        return Term(f"{hour} {'am' if 7 <= hour <= 11 and rng.random() < 0.5 else 'pm'}")
    if r < 0.7:
        return Term(f"{hour}:{pick(rng, ('15', '30', '45', '10', '20', '40'))}")
    if r < 0.8:
        return Term(f"half past {NUMBERS[hour]}")
    return Term(f"quarter {pick(rng, ('past', 'to'))} {NUMBERS[hour]}" if r < 0.9 else f"{hour} o'clock")


def made_price(rng: Random, pools: dict) -> Term:
    """A sum of money: euros, dollars or pounds."""
    amount = pick(rng, AMOUNTS)
    return Term(pick(rng, MONEY).format(amount))


def less(rng: Random, price: Term) -> Term:
    """A smaller sum of money than `price`, in the same currency and style."""
    amount = int(re.sub(r"\D", "", price))
    return Term(re.sub(r"\d+", str(max(2, int(amount * (0.4 + 0.5 * rng.random())))), price))


def made_title(rng: Random, pools: dict) -> Term:
    """The title of a film or book that does not exist."""
    return Term(f"The {pick(rng, pools['adjective'])} {pick(rng, pools['noun'])}")


MADE = {
    "day": made_day,
    "time": made_time,
    "price": made_price,
    "film": made_title,
    "page": lambda rng, pools: Term(10 + int(rng.random() * 290)),
    "bus": lambda rng, pools: Term(2 + int(rng.random() * 97)),
    "code": lambda rng, pools: Term(1000 + int(rng.random() * 9000)),
    "wifi": lambda rng, pools: Term(f"{pick(rng, WIFI_WORDS)}{10 + int(rng.random() * 90)}"),
}
