"""Words and phrases that give a sentence away, and one pass that finds them all.

The lists are the project's own and short on purpose: a phrase is here when it means the same in nearly
every sentence. They follow the categories of Hyland 2005 (hedges, boosters), the Penn Discourse Treebank
(connectives) and Danescu-Niculescu-Mizil et al. 2013 (politeness). English only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Cue(StrEnum):
    """What a phrase signals. A phrase may signal more than one thing."""

    HEDGE = "hedge"
    BOOSTER = "booster"
    CONNECTIVE = "connective"
    EVIDENCE = "evidence"
    POLITE = "polite"
    IMPOLITE = "impolite"
    OPINION = "opinion"
    JUDGEMENT = "judgement"
    REASON = "reason"
    CONCLUSION = "conclusion"
    CONTRAST = "contrast"
    NEGATION = "negation"
    CEREMONY = "ceremony"
    AGENDA = "agenda"


_LISTS: Final[Mapping[Cue, str]] = {
    Cue.HEDGE: """
        perhaps | maybe | possibly | probably | presumably | apparently | seemingly | arguably | roughly
        somewhat | might | may | could | seem | seems | seemed | appear | appears | suggest | suggests
        tend | tends | tend to | i suspect | i suppose | i guess | i think | i believe | in my view
        in my opinion | to my mind | sort of | kind of | more or less | to some extent | in general
        generally | usually | often | sometimes | likely | unlikely | as far as i know
        as far as i can tell | i doubt | not sure | it is possible | a little | rather
        """,
    Cue.BOOSTER: """
        clearly | obviously | certainly | definitely | undoubtedly | surely | always | never | absolutely
        completely | totally | entirely | of course | no doubt | without a doubt | in fact | indeed | truly
        plainly | undeniably | beyond doubt | there is no question | i am certain | i'm certain
        we all know | everyone knows | exactly | precisely | utterly | must be | the truth is | the fact is
        without question | every single
        """,
    Cue.CONNECTIVE: """
        because | since | therefore | thus | hence | so that | as a result | consequently | however
        although | though | even though | whereas | while | nevertheless | nonetheless | on the other hand
        on the contrary | instead | rather than | in contrast | moreover | furthermore | in addition
        besides | also | similarly | likewise | for example | for instance | in particular | namely
        that is why | which means | if | unless | provided that | otherwise | then | until | before | after
        but | yet | despite | in spite of | first | firstly | second | secondly | third | thirdly | finally
        in other words | in short | in conclusion
        """,
    Cue.EVIDENCE: """
        according to | study | studies | research | researchers | data | evidence | statistics | statistic
        survey | surveys | report | reports | reported | figures | percent | per cent | percentage
        experiment | experiments | trial | trials | findings | found that | shows that | showed that
        shown that | measured | counted | for example | for instance | case in point | in the case of
        at my own | in my experience | experts | record
        """,
    Cue.POLITE: """
        please | thank you | thanks | sorry | excuse me | pardon | with respect | with all due respect
        i appreciate | i respect | grateful | good point | fair point | you are right | you're right
        is right that | i agree | i concede | i grant | i admit | i accept that | fair enough | well said
        could you | would you | may i | if you do not mind | i see your point | we agree | granted
        """,
    Cue.IMPOLITE: """
        liar | liars | lying | idiot | idiots | idiotic | stupid | nonsense | ridiculous | absurd | rubbish
        shame on | shut up | pathetic | ignorant | clueless | moron | disgrace | disgraceful | garbage
        foolish | fool | fools | dishonest | laughable | how dare you | you clearly do not
        you obviously do not | you have no idea | hypocrite | hypocrites | hypocrisy | incompetent | coward
        cowardly | disgusting | crap | bullshit | damn | hell
        """,
    Cue.OPINION: """
        i think | i believe | i argue | i say | i would say | i claim | i maintain | i suspect | i hold
        i contend | i propose | i oppose | i support | i am convinced | i'm convinced | i want | in my view
        in my opinion | to my mind | we believe | we think | we say | we argue | we propose | my point is
        my claim is | the claim is | our position | my position | the point is | the truth is | the fact is
        the problem is | the trouble is | the question is whether | what matters | i do not think
        i don't think | i do not believe | i don't believe
        """,
    Cue.JUDGEMENT: """
        should | shouldn't | must | mustn't | ought | need to | needs to | have to | has to | cannot | can't
        deserve | deserves | wrong | right | better | best | worse | worst | fair | unfair | just | unjust
        important | vital | essential | necessary | unnecessary | good | bad | great | terrible | dangerous
        safe | harmful | useful | useless | effective | ineffective | works | fails | responsible
        irresponsible | moral | immoral | failure | mistake | success | solution | problem | threat | risk
        benefit | costs | never | only way | would be | is not | are not | isn't | aren't | will not | won't
        matter | matters | rather | strong | weak | hard
        """,
    Cue.REASON: """
        because | since | as a result of | due to | owing to | given that | for example | for instance
        such as | after all | the reason is | the reason that | in order to | when we | when i | when they
        in fact | seeing that | this is because | that is because | by doing | so that | insofar as
        as shown by | let me give you | consider
        """,
    Cue.CONCLUSION: """
        therefore | thus | hence | consequently | that is why | which is why | that's why | it follows
        which means | this means | that means | in conclusion | so we | so i | so the | so it | in short
        as a result | we can see
        """,
    Cue.CONTRAST: """
        but | however | yet | although | though | on the contrary | on the other hand | instead
        nevertheless | still | that is not | that's not | that is false | not true | disagree | wrong
        mistaken | you say | you said | you claim | you forget | my opponent | you have not answered
        is not | isn't | does not | doesn't | do not | don't | cannot | can't | never | no one | nobody
        nothing
        """,
    Cue.NEGATION: """
        not | no | never | none | nobody | nothing | neither | nor | cannot | can't | don't | doesn't
        didn't | won't | isn't | aren't | wasn't | weren't | wouldn't | shouldn't | couldn't | hasn't
        haven't | without | hardly
        """,
    Cue.CEREMONY: """
        thank you | thanks | good evening | good morning | good afternoon | good night | welcome
        let me finish | excuse me | ladies and gentlemen | my name is | go ahead | your turn | one at a time
        let me answer | please | next question | my question | the question is | i will answer
        i'm going to | let me say | may i | well done
        """,
    Cue.AGENDA: """
        next question | next topic | next subject | new topic | new subject | let me move us on | move on to
        let's move on | let us move on | moving on | turn to | let's turn | let us turn | turning to
        switch to | the subject of | the topic of | change the subject | question from the
        question came in | next segment | we come to | closing statements | closing statement
        opening statements | final question | last words
        """,
}


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


#: Function words and the small talk of speech; they carry no topic.
STOP_WORDS: Final = _words(
    """
    a about above actually after again against ago all almost alone along already also although always am
    among an and another any anybody anyone anything are aren't around as ask asked at away back be became
    because become been before being below best better between both but by call called came can can't cannot
    case certainly come comes could couldn't day did didn't do does doesn't doing don't done down during
    each either else end enough even ever every everybody everyone everything exactly fact far few find
    first for from gave get gets getting give given gives go goes going gone gonna good got great had hadn't
    happen has hasn't have haven't having he he'd he'll he's hear her here here's hers herself him himself
    his how however i i'd i'll i'm i've if in indeed instead into is isn't it it'd it'll it's its itself
    just keep kind knew know known knows last least less let let's like little ll long look lot made make
    makes making many may maybe me mean means might mine moment more most much must my myself need needs
    neither never new next no nobody none nor not nothing now of off often oh ok okay on once one one's ones
    only or other others our ours ourselves out over own part people perhaps place please point probably put
    quite rather re really right said same saw say saying says second see seen sense she she's should
    shouldn't simply since so some somebody someone something sometimes sort still such sure take taken talk
    tell than thank thanks that that'd that'll that's the their theirs them themselves then there there's
    these they they'd they'll they're they've thing things think third this those though thought three
    through time to today together told tonight too took tried true truly try trying two um uh under until
    up upon us use used very want wanted wants was wasn't way we we'd we'll we're we've well went were
    weren't what what's whatever when where whether which while who who's whole whom whose why will with
    within without won't word words would wouldn't yeah year years yes yet you you'd you'll you're you've
    your yours yourself yourselves
    """
)


def _index() -> Mapping[str, tuple[tuple[tuple[str, ...], Cue], ...]]:
    """Return, for each first word, the rest of each phrase and its cue, longest first."""
    phrases: dict[str, list[tuple[tuple[str, ...], Cue]]] = defaultdict(list)
    for cue, listed in _LISTS.items():
        for phrase in listed.replace("\n", "|").split("|"):
            if words := tuple(phrase.split()):
                phrases[words[0]].append((words[1:], cue))
    return MappingProxyType(
        {
            first: tuple(sorted(set(rest), key=lambda entry: (-len(entry[0]), entry)))
            for first, rest in phrases.items()
        }
    )


_PHRASES: Final = _index()


def cues_in(words: tuple[str, ...]) -> dict[Cue, int]:
    """Count each cue in the words of one sentence; at any word a cue counts once, by its longest phrase."""
    found: dict[Cue, int] = {}
    for position, word in enumerate(words):
        phrases = _PHRASES.get(word)
        if phrases is None:
            continue
        here: list[Cue] = []
        for rest, cue in phrases:
            if cue not in here and (not rest or words[position + 1 : position + 1 + len(rest)] == rest):
                here.append(cue)
                found[cue] = found.get(cue, 0) + 1
    return found
