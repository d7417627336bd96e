"""What shows in other languages than English that a word with a capital is no name.

Most sentences begin with one of few words, and German writes every noun with a capital. Only the words of a
language that is spoken in the conversation count: "Dan" and "Ella" are names elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

#: Words that sentences are made of and begin with: pronouns, articles, prepositions, conjunctions, frequent
#: adverbs and verbs. By language.
_TEXTS: Final = {
    # German
    "de": """
        der die das den dem des ein eine einen einem einer eines kein keine keinen ich du er
        sie es wir ihr uns euch mich mir dich dir ihm ihn ihnen sich man und oder aber denn
        sondern doch nicht nein ja wenn weil dass ob als wie wo wer was wann warum wieso
        welche welcher welches dieser diese dieses diesen jeder jede jedes alle alles viele
        mehr wenige einige manche beide andere mein meine dein deine sein seine unser unsere
        eure in im an am auf aus bei beim mit nach seit von vom zu zum zur für durch gegen
        ohne um über unter vor hinter neben zwischen bis während trotz wegen statt hier dort
        da dann danach deshalb deswegen darum daher trotzdem außerdem also auch nur noch
        schon immer nie niemand jemand etwas nichts heute morgen gestern jetzt bisher damals
        zuerst schließlich natürlich vielleicht leider genau ist sind war waren wird werden
        wurde hat haben hatte kann können muss müssen soll sollen sollte sollten will wollen
        darf dürfen möchte gibt glauben danke bitte ebenso sogar dabei dafür dagegen damit
        dazu darüber obwohl sobald solange guten liebe sehr laut
        """,
    # French
    "fr": """
        le la les un une des du de ce cet cette ces je tu il elle on nous vous ils elles moi
        toi lui eux se me te mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs
        et ou mais donc or ni car que qui quoi quand comment pourquoi où si ne pas non oui
        plus moins très trop dans en sur sous avec sans pour par contre entre vers chez
        depuis pendant avant après selon malgré parce puisque lorsque comme ainsi alors
        aussi encore toujours jamais souvent parfois ici là cela ça ceci tout tous toute
        toutes chaque plusieurs quelques aucun aucune personne rien est sont était être a
        ont avait avoir fait faut peut doit pourtant cependant toutefois ensuite enfin bref
        certes bien merci aujourd'hui hier demain d'abord c'est n'est j'ai
        """,
    # Spanish
    "es": """
        el la los las un una unos unas lo al del de yo tú él ella usted nosotros vosotros
        ellos ellas ustedes me te se nos mi mis tu tus su sus nuestro nuestra nuestros
        nuestras este esta estos estas ese esa eso esto aquel y o u e pero sino aunque
        porque que qué quien quién cuando cuándo como cómo donde dónde si sí no ni más menos
        muy en con sin por para contra entre hacia hasta desde sobre según durante antes
        después además también tampoco siempre nunca nadie nada algo alguien todo todos toda
        todas cada muchos muchas algunos algunas otro otra es son era fue ser está están hay
        ha han tiene tienen tenemos puede debe hace hoy ayer mañana ahora aquí allí entonces
        así pues luego gracias creo sabemos
        """,
    # Italian
    "it": """
        il lo la i gli le un uno una di a da in con su per tra fra del della dei delle al
        alla nel nella io tu lui lei noi voi loro mi ti si ci vi mio mia tuo suo sua nostro
        nostra vostro questo questa questi queste quello quella e o ma però anzi perché che
        chi cosa quando come dove se sì non né più meno molto anche ancora sempre mai
        nessuno niente nulla qualcosa tutto tutti tutte ogni alcuni altri è sono era essere
        ha hanno abbiamo può deve fa oggi ieri domani ora qui allora così quindi poi infine
        inoltre invece secondo senza contro dopo prima durante grazie credo
        """,
    # Portuguese
    "pt": """
        o a os as um uma de do da dos das no na nos nas ao em com sem por para pelo pela eu
        tu ele ela nós vós eles elas você vocês me te se meu minha seu sua nosso nossa este
        esta isto esse essa isso aquele e ou mas porém porque que quem quando como onde sim
        não nem mais menos muito também ainda sempre nunca ninguém nada algo tudo todos
        todas cada alguns outros é são era foi ser está estão há tem têm temos pode deve faz
        hoje ontem amanhã agora aqui então assim depois além segundo contra entre até desde
        durante embora obrigado acho
        """,
    # Dutch
    "nl": """
        de het een ik jij je hij zij ze wij we jullie u mij hem haar ons hun mijn jouw zijn
        onze dit dat deze die en of maar want dus omdat als wanneer hoe wat wie waar waarom
        niet geen nee ja in op aan met voor door bij naar uit van over onder tegen zonder
        tussen tot sinds tijdens is was waren wordt worden heeft hebben had kan kunnen moet
        moeten zal zullen mag wil er hier daar dan nu toen ook nog al altijd nooit niemand
        iemand iets niets alles alle veel meer minder heel volgens vandaag gisteren morgen
        daarom bovendien echter natuurlijk misschien bedankt
        """,
    # Polish
    "pl": """
        i a w z na do od po za o u przez dla bez pod nad przed między ja ty on ona ono my wy
        oni one mnie nam was go jej ich mój moja nasz nasza wasz ten ta to te ci tamten
        który która które co kto gdzie kiedy jak dlaczego czy nie tak ale lecz jednak bo
        ponieważ że żeby gdy jeśli więc zatem też także jeszcze już zawsze nigdy nikt nic
        coś ktoś wszystko wszyscy każdy jest są był była było być ma mają może musi trzeba
        dziś wczoraj jutro teraz tu tam potem bardzo więcej mniej dziękuję proszę według
        """,
    # Swedish
    "sv": """
        och eller men att som om när hur vad vem var varför inte nej ja jag du han hon den
        det vi ni de mig dig oss er dem min din sin vår våra denna detta dessa en ett i på
        av till från med för utan mot mellan under över efter före är blir har hade kan ska
        skulle måste får vill så också alltid aldrig ingen inget något någon allt alla många
        mer mindre här där då nu idag igår därför eftersom dessutom tack kanske
        """,
    # Danish
    "da": """
        og eller men at som om når hvordan hvad hvem hvor hvorfor ikke nej ja jeg du han hun
        den det vi i de mig dig os jer dem min din sin vores denne dette disse en et på af
        til fra med for uden mod mellem under over efter før er var bliver har havde kan
        skal skulle må vil så også altid aldrig ingen intet noget nogen alt alle mange mere
        mindre her der da nu fordi derfor desuden tak måske
        """,
}
_WORDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {language: frozenset(words.split()) for language, words in _TEXTS.items()}
)
#: So many different words of it show that a language is spoken.
_SHOWN_BY: Final = 3
#: Frequent words of English.
_ENGLISH_TEXT: Final = (
    "the of and to that is are was with for you they this have not it be from we there would been"
)
_ENGLISH: Final = frozenset(_ENGLISH_TEXT.split())
_GERMAN_NOUN: Final = re.compile(
    # Behind an article or the like, and an adjective: people have none, unless one speaks of them in passing.
    r"\b(?:[Dd](?:er|ie|as|en|em|es)|(?:[DdMmSs])?[Ee]in(?:e[mnrs]?)?|[Kk]ein(?:e[mnrs]?)?|[Ii]hre?[mnrs]?|[Uu]nsere?[mnrs]?"
    r"|[Dd]iese[mnrs]?|[Jj]ede[mnrs]?|[Jj]ene[mnrs]?|[Ww]elche[mnrs]?|[IiAa]m|[Zz]u[mr]|[Vv]om|[Bb]eim|[Ii]ns|[Aa]ns"
    r"|[Vv]iele[nr]?|[Mm]ehr|[Ww]eniger|[Aa]lle[nr]?|[Ee]inige[nr]?|[Gg]enug|[Kk]eine[nr]?|zwei|drei|vier|fünf|zehn)\s+"
    r"(?:[a-zäöüß]+e[mnrs]?\s+)?([A-ZÄÖÜ][a-zäöüß]{2,})\b"
    # By its ending.
    r"|\b([A-ZÄÖÜ][a-zäöüß]+(?:ung|heit|keit|schaft|ität|tion|ismus)(?:en|s)?)\b"
)


def words_of_languages(texts: Iterable[str], spoken: frozenset[str]) -> frozenset[str]:
    """Return words, in lower case, that are no names in the languages of a conversation besides English.

    Args:
        spoken: Words that it has without a capital.
    """
    english = len(spoken & _ENGLISH)
    found: set[str] = set()
    for language, words in _WORDS.items():
        if len(spoken & words) >= max(_SHOWN_BY, english + 1):
            found |= words
            if language == "de":
                found.update(_german_nouns(texts))
    return frozenset(found)


def is_german_article(words: Sequence[str], spoken: frozenset[str]) -> bool:
    """Say whether words with capitals, in lower case, are "Der" and a noun; in names it is a particle."""
    return len(words) == 2 and words[0] == "der" and words[1] in spoken


def _german_nouns(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for behind, ended in _GERMAN_NOUN.findall(text):
            yield (behind or ended).lower()
