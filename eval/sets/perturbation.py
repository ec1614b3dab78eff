"""Questions as people type them: seeded changes of a gold set's questions that leave what is asked, and its evidence, as it was.

Each kind is one function of a question's text and a generator; one that finds nothing to change gives the text back. The change of
a question depends on nothing but the seed, the kind and the question's id, except where other questions are put beside it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random

from eval.sets.gold import Question

Change = Callable[[str, Random], str]

# Keys beside each other on a QWERTY keyboard.
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_MIN_MISTYPED = 4  # letters; shorter words are mostly function words
_LEAD_INS = (
    "Hi, could you tell me: {}",
    "I was wondering, {}",
    "Quick question - {}",
    "Do you happen to know {}",
    "Please help me out here, I need this for work: {} Thanks!",
    "My colleague asked me this and I could not answer: {}",
)
# American and British spelling: what a word begins with, and what must follow for it to be that word.
_OUR = "arm behavi col endeav fav flav harb hon hum lab neighb od rum sav tum vap vig"
_ISE = (
    "apolog author capital categor central character civil colon critic emphas final general harmon hospital immun industrial "
    "legal local maxim minim mobil modern national neutral normal optim organ popular privat real recogn special stabil standard "
    "summar symbol util visual"
)
_RE = "cent fib lit meag met sab spect theat kilomet"
_LL = "cance fue labe mode signa trave"
_PAIRS = (
    "airplane/aeroplane aluminum/aluminium anemi/anaemi archeolog/archaeolog artifact/artefact diarrhea/diarrhoea edema/oedema "
    "encyclopedia/encyclopaedia esophag/oesophag estrogen/oestrogen etiolog/aetiolog fetus/foetus gray/grey hematolog/haematolog "
    "hemoglobin/haemoglobin hemorrhag/haemorrhag jewelry/jewellery judgment/judgement leukemi/leukaemi maneuver/manoeuvre "
    "medieval/mediaeval mold/mould mustache/moustache orthopedic/orthopaedic pajama/pyjama pediatric/paediatric plow/plough "
    "skeptic/sceptic smolder/smoulder sulfur/sulphur"
)
_SPELLINGS: tuple[tuple[str, str, str], ...] = (
    *((stem + "or", stem + "our", "(?!at|ous)") for stem in _OUR.split()),
    *((stem + "iz", stem + "is", r"(?=e|in|at|ab)") for stem in _ISE.split()),
    *((stem + "yz", stem + "ys", r"(?=e\b|ed\b|ing\b|er)") for stem in ("anal", "catal", "paral")),
    *((stem + "er", stem + "re", r"(?=s?\b)") for stem in _RE.split()),
    *((stem + "l", stem + "ll", "(?=ed|ing|er)") for stem in _LL.split()),
    *((stem + "og", stem + "ogue", r"(?=s?\b)") for stem in ("anal", "catal", "dial", "monol")),
    *((stem + "ense", stem + "ence", r"(?=[sd]?\b)") for stem in ("def", "off", "lic", "pret")),
    ("program", "programme", r"(?=s?\b)"),
    *((american, british, "") for american, british in (pair.split("/") for pair in _PAIRS.split())),
)
# Ways to write sounds of names from other scripts and languages: what stands there, what others write.
_TRANSLITERATIONS = (
    *((r"(?<=sk)y\b", other) for other in ("yy", "i", "iy", "ij")),
    (r"(?<=[a-z])ev\b", "eff"),
    (r"(?<=[a-z])ov\b", "off"),
    (r"ts", "c"),
    (r"kh", "h"),
    (r"(?<=[a-z])ou", "u"),
    (r"(?<=[a-z])ck", "k"),
    (r"ph", "f"),
    (r"sh", "sch"),
    (r"\bCh", "Tch"),
    (r"\bY(?=[aeou])", "J"),
    (r"\bJ(?=[aeou])", "Y"),
    (r"\bZ", "S"),
    (r"(?<=[aeiou])v(?=[aeiou])", "w"),
    (r"w(?=[aeiou])", "v"),
    (r"(?<=[a-z])ee", "i"),
    (r"(?<=[a-z])oo", "u"),
    (r"(?<=[bdfgklmnprst])i(?=[a-z])", "y"),
    (r"(?<=[a-z])y(?=[a-z])", "i"),
    (r"x", "ks"),
    (r"c(?=[aou])", "k"),
    (r"(?<=[a-z])([lmnst])\1", r"\1"),
    (r"ä", "ae"), (r"ö", "oe"), (r"ü", "ue"), (r"[éèê]", "e"), (r"[áà]", "a"), (r"[óô]", "o"), (r"ç", "c"), (r"ñ", "n"),
)  # fmt: skip
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_ASKING = re.compile(
    r"(?i)(what|who|whom|whose|which|when|where|why|how|is|are|was|were|do|does|did|can|in|at|on|for|the)\b"
)
_NUMBER = re.compile(r"(?<![\w.,$€£/-])(\d{1,6})(st|nd|rd|th|s)?(?![\w%/-]|[.,]\d)")


def perturb(questions: Sequence[Question], kind: str, seed: int = 0) -> tuple[Question, ...]:
    """The questions that a kind changes, changed. kind: of ``KINDS``."""
    change = _CHANGES.get(kind) or {"names": _transliterated, "double": _doubled}[kind](questions)
    changed = []
    for question in questions:
        text = change(question.text, Random(f"{seed}:{kind}:{question.id}"))
        if text != question.text and text.strip():
            changed.append(replace(question, text=text))
    return tuple(changed)


def _mistyped(text: str, random: Random) -> str:
    """One word with two letters swapped, one left out, one typed twice, or one of the key beside it."""
    words = [match for match in re.finditer(r"[^\W\d_]+", text) if len(match.group()) >= _MIN_MISTYPED]
    if not words:
        return text
    word = random.choice(words)
    # Few people mistype the first letter.
    at = random.randrange(word.start() + 1, word.end() - 1)
    letter, before, after = text[at], text[:at], text[at + 1 :]
    swapped = before + after[0] + letter + after[1:]
    return random.choice(
        [swapped, before + after, before + letter * 2 + after, before + _beside(letter, random) + after]
    )


def _beside(letter: str, random: Random) -> str:
    for row in _ROWS:
        at = row.find(letter.lower())
        if at >= 0:
            return random.choice(row[max(at - 1, 0) : at] + row[at + 1 : at + 2])
    return letter


def _chatty(text: str, random: Random) -> str:
    who = re.match(r"[Ww]ho (?=\w+(ed|ote|ook|ame|on|ade|ave|ound|ew|id|ent|old) )", text)
    if who and random.random() < 0.5:
        return "who is the guy that " + text[who.end() :]
    return random.choice(_LEAD_INS).format(_continued(text))


def _respelled(text: str, random: Random) -> str:
    """American words written the British way and the other way round."""
    for american, british, rest in _SPELLINGS:
        # The longer of the two may begin with the shorter: it is looked for first.
        for here, target in sorted([(american, british), (british, american)], key=lambda pair: -len(pair[0])):
            changed = re.sub(rf"(?i)\b{here}{rest}", _cased(target), text)
            if changed != text:
                text = changed
                break
    return text


def _cased(word: str) -> Callable[[re.Match[str]], str]:
    return lambda match: word.capitalize() if match.group()[0].isupper() else word


def _transliterated(questions: Sequence[Question]) -> Change:
    """Every name of five letters or more written by one other convention.

    A name is a capitalized word, not the first, that no question has in lower case.
    """
    common = {word for question in questions for word in re.findall(r"\b[a-zà-ÿ]{5,}\b", question.text)}

    def change(text: str, random: Random) -> str:
        def other(match: re.Match[str]) -> str:
            name = match.group()
            if name.lower() in common:
                return name
            written = [re.sub(rule, by, name, count=1) for rule, by in _TRANSLITERATIONS]
            written = [candidate for candidate in written if candidate != name]
            return random.choice(written) if written else name

        return re.sub(r"(?<=[\w,] )[A-ZÄÖÜÉ][a-zà-ÿ]{4,}\b", other, text)

    return change


def _spelled_numbers(text: str, random: Random) -> str:
    """Whole numbers in words, years as they are said; and number words in figures where there are only these."""
    in_words = _NUMBER.sub(lambda match: _said(int(match[1]), match[2] or ""), text)
    if in_words != text:
        return in_words
    figures = {word: str(number) for number, word in enumerate(_UNITS) if number > 1}
    figures |= {word: str(number * 10) for number, word in enumerate(_TENS) if number > 1}
    return re.sub(rf"\b({'|'.join(figures)})\b(?!-)", lambda match: figures[match[1]], text)


def _said(number: int, ending: str) -> str:
    if 1100 <= number <= 2099 and number % 1000 >= 10 and not ending.endswith(("st", "nd", "rd", "th")):
        century, rest = divmod(number, 100)
        tail = "hundred" if not rest else f"oh {_words(rest)}" if rest < 10 else _words(rest)
        words = f"{_words(century)} {tail}"
    else:
        words = _words(number)
    if ending == "s":
        return words[:-1] + "ies" if words.endswith("y") else words + "s"
    if not ending:
        return words
    head, last = re.fullmatch(r"(.*?)(\w+)", words).groups()  # type: ignore[union-attr]
    return head + _ORDINALS.get(last, last[:-1] + "ieth" if last.endswith("y") else last + "th")


def _words(number: int) -> str:
    if number < 20:
        return _UNITS[number]
    if number < 100:
        tens, units = divmod(number, 10)
        return _TENS[tens] + (f"-{_UNITS[units]}" if units else "")
    name, size = ("hundred", 100) if number < 1000 else ("thousand", 1000)
    head, rest = divmod(number, size)
    return f"{_words(head)} {name}" + (f"{' and' if size == 100 else ''} {_words(rest)}" if rest else "")


def _doubled(questions: Sequence[Question]) -> Change:
    """Each question together with another one, before or behind it; what counts is the evidence of the question itself."""
    texts = [question.text for question in questions]

    def change(text: str, random: Random) -> str:
        other = random.choice(texts)
        if other == text:
            return text
        first, second = random.sample([text, other], 2)
        return f"{first} And {_continued(second)}"

    return change


def _continued(text: str) -> str:
    """The text as it goes on within a sentence."""
    return text[0].lower() + text[1:] if _ASKING.match(text) else text


_CHANGES: Mapping[str, Change] = {
    "typo": _mistyped,
    "two-typos": lambda text, random: _mistyped(_mistyped(text, random), random),
    "lower": lambda text, random: text.lower(),
    "unpunctuated": lambda text, random: text.rstrip(" ?.!"),
    "chatty": _chatty,
    "spelling": _respelled,
    "numbers": _spelled_numbers,
}
# What ``perturb`` does, by name.
KINDS: Mapping[str, str] = {
    "typo": "one typing error in a word",
    "two-typos": "two typing errors",
    "lower": "all in lower case",
    "unpunctuated": "no question mark or full stop at the end",
    "chatty": "with a lead-in, or 'who is the guy that ...'",
    "spelling": "British spelling for American and the other way round",
    "numbers": "numbers in words, or number words in figures",
    "names": "names in another transliteration",
    "double": "together with another question of the set",
}
