"""What the claim model sees of a sentence: its hand-made features and its words.

The features are those that carry over between kinds of debate in Haddadan et al. 2019 (ACL): length,
modality, person, tense, markers, numbers, whether it opens the turn, and the sentence before it. One of these
matters more in speech than in essays: a short sentence rarely argues. English only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from analysis_worker.engines.local.document import Sentence
from analysis_worker.engines.local.lexicon import Cue
from analysis_worker.engines.local.words import is_number

#: Before a word or pair of words, so that it cannot meet the name of another feature.
WORD: Final = "w "


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_SETS: Final[Mapping[str, frozenset[str]]] = {
    "i": _words("i i'm i've i'd i'll me my mine myself"),
    "we": _words("we we're we've we'd we'll us our ours ourselves"),
    "you": _words("you you're you've you'd you'll your yours yourself"),
    "other": _words("he he's he'd he'll she she's she'd she'll him his her hers"),
    "they": _words("they they're they've they'd they'll them their theirs"),
    "obligation": _words("should shouldn't must mustn't ought need needs gotta"),
    "future": _words("will won't i'll we'll he'll she'll they'll it'll you'll going gonna shall"),
    "conditional": _words("would wouldn't could couldn't might if unless i'd we'd they'd you'd he'd she'd"),
    "was": _words("was were wasn't weren't had hadn't did didn't been"),
    "is": _words("is are isn't aren't it's that's they're we're there's he's she's"),
    "negation": _words(
        "not no never none nobody nothing neither nor cannot can't don't doesn't didn't won't isn't aren't"
    ),
    "all": _words("all every everyone everybody always nobody never no any only most many more"),
    "compare": _words("more less than better worse best worst most least higher lower bigger smaller"),
    "because": _words("because since so therefore why reason"),
    "and": _words("and but or"),
    "speech": _words("said says say told tell asked called talking talk heard hear"),
    "think": _words("think believe know feel hope guess suppose want"),
}
#: Verbs of the past that do not end in "ed".
_IRREGULAR: Final = _words(
    """
    was were had did said went came took gave made saw found told cost became began brought built bought cut
    fell felt got grew held kept knew left lost met paid put ran sat sent shot sold spent stood thought
    voted won wrote
    """
)
_CUES: Final = tuple(Cue)
#: Words of a sentence that is as long as counts.
_LONG: Final = math.log(60)


def features(sentences: Sequence[Sentence], place: int) -> dict[str, float]:
    """Return the features of the sentence at `place` of its turn, by name; each from 0 to 1.

    Nothing depends on what comes after it, nor on how long the turn is: whoever goes on talking must not
    change what was said.
    """
    found = _own(sentences[place])
    if place == 0:
        found["first"] = 1.0
        return found
    words = sentences[place - 1].words
    found["before length"] = _length(words)
    if sentences[place - 1].question:
        found["before question"] = 1.0
    if any(is_number(word) for word in words):
        found["before number"] = 1.0
    if not _SETS["obligation"].isdisjoint(words):
        found["before obligation"] = 1.0
    return found


def words_in(sentence: Sentence) -> tuple[dict[str, None], dict[tuple[str, str], None]]:
    """Return the distinct words and pairs of words, in the order of their first use; numbers as one.

    The first word also stands as a pair, with the beginning before it.
    """
    words = ["0" if is_number(word) else word for word in sentence.words]
    return dict.fromkeys(words), dict.fromkeys(pairwise(("^", *words)))


def _length(words: Sequence[str]) -> float:
    return min(1.0, math.log(1 + len(words)) / _LONG)


def _own(sentence: Sentence) -> dict[str, float]:
    words = sentence.words
    length = _length(words)
    found = {"bias": 1.0, "length": length, "length squared": length * length}
    found["content"] = min(1.0, len(sentence.content) / 12)
    if len(words) < 4:
        found["very short"] = 1.0
    if sentence.question:
        found["question"] = 1.0
    distinct = frozenset(words)
    for name, members in _SETS.items():
        if not members.isdisjoint(distinct):
            found[name] = 1.0
    if sentence.has(Cue.OPINION):
        found.pop("i", None)  # "I believe that" speaks of the matter, and not of the speaker
    numbers = sum(is_number(word) for word in words)
    if numbers:
        found["number"] = 1.0
        found["numbers"] = min(1.0, numbers / 3)
    past = sum(word in _IRREGULAR or (len(word) > 4 and word.endswith("ed")) for word in words)
    if past:
        found["past"] = min(1.0, past / 3)
    for cue in _CUES:
        if cue in sentence.cues:
            found[f"cue {cue.value}"] = 1.0
    return found
