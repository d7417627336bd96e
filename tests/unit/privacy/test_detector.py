"""What is found by form, by the roster, and by the look of a name; what is left alone."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.domain.conversation import Participant
from analysis_worker.privacy.detector import Detector, Met, words_without_capital
from analysis_worker.privacy.kinds import Kind
from analysis_worker.privacy.names import NameMode, Names
from analysis_worker.privacy.patterns import PATTERNS, by_form
from analysis_worker.privacy.roster import Roster


def found(text: str, mode: NameMode = NameMode.STRICT) -> list[tuple[str, str]]:
    return [(span.kind.value, text[span.start : span.end]) for span in Detector(mode=mode).find(text)]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Kind.EMAIL, "o.nkemelu+debate@mail.example.org"),
        (Kind.EMAIL, "nkemelu at example dot com"),
        (Kind.PHONE, "+49 30 901820"),
        (Kind.PHONE, "(212) 555-0142"),
        (Kind.PHONE, "212.555.0142 ext. 77"),
        (Kind.PHONE, "555-0142"),
        (Kind.CARD, "4111 1111 1111 1112"),
        (Kind.CARD, "5500-0000-0000-0004"),
        (Kind.CARD, "340000000000009"),
        (Kind.IBAN, "DE44 5001 0517 5407 3249 31"),
        (Kind.IBAN, "GB33BUKB20201555555555"),
        (Kind.NATIONAL_ID, "219-09-9999"),
        (Kind.NATIONAL_ID, "AB 12 34 56 C"),
        (Kind.IP, "203.0.113.77"),
        (Kind.IP, "2001:db8::8a2e:370:7334"),
        (Kind.MAC, "00:1B:44:11:3A:B7"),
        (Kind.URL, "https://example.com/reset?token=a1b2c3"),
        (Kind.URL, "forum.example.net/u/ada"),
        (Kind.HANDLE, "@ada_debates"),
        (Kind.HANDLE, "@ada.debates-2"),
        (Kind.NATIONAL_ID, "QQ 12 34 56 C"),
        (Kind.LICENCE, "D1234567"),
        (Kind.POSTCODE, "SW1A 1AA"),
    ],
)
def test_what_has_a_form_is_found_whole(kind: Kind, said: str) -> None:
    assert (kind.value, said) in found(f"you can have it, it is {said} as far as we know")


@pytest.mark.parametrize("before", ["But ", "Ask ", "In Paris ", "Thank Prof. ", "Zelda Quist, "])
@pytest.mark.parametrize("title", ["Mr. ", "Mrs ", "Dr. ", "Senator ", "Professor "])
@pytest.mark.parametrize("mode", list(NameMode))
def test_a_name_behind_a_title_is_found_whatever_capital_stands_before_it(
    before: str, title: str, mode: NameMode
) -> None:
    assert ("PERSON", "Brankovitz") in found(f"{before}{title}Brankovitz said no.", mode)


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("it was sk-proj-4fQ9vT2mXw8LzR7nKd3B there", "sk-proj-4fQ9vT2mXw8LzR7nKd3B"),
        ("it was ghp_9aZ8yX7wV6uT5sR4qP3oN2mL1kJ0iHgFeDcB.", "ghp_9aZ8yX7wV6uT5sR4qP3oN2mL1kJ0iHgFeDcB"),
        ("it was AKIAQ7EXAMPLE4ZK7NBX there", "AKIAQ7EXAMPLE4ZK7NBX"),
        ("a cookie eyJhbGciOiJIUzI1.eyJzdWIiOiJ6.c2ln-bmF0 it is", "eyJhbGciOiJIUzI1.eyJzdWIiOiJ6.c2ln-bmF0"),
        ("send Bearer 4fQ9vT2mXw8L with it", "4fQ9vT2mXw8L"),
        ("the password is hunter2, as ever", "hunter2"),
        ("the passphrase: 'correct-horse'", "correct-horse"),
        ("with api_key=swordfish in it", "swordfish"),
        ("the hash d41d8cd98f00b204e9800998ecf8427e is", "d41d8cd98f00b204e9800998ecf8427e"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADAN\nBgkqhkiG\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADAN\nBgkqhkiG\n-----END RSA PRIVATE KEY",
        ),
    ],
)
def test_what_opens_something_is_found_whole(said: str, secret: str) -> None:
    assert (Kind.SECRET.value, secret) in found(said)


@pytest.mark.parametrize(
    "text",
    [
        "a token gesture, and the secret is that there is none; the password is important",
        "the basic division of 2019 and the bearer of bad news",
        "intergovernmentalorganisations and counterrevolutionaries",
    ],
)
def test_talk_of_secrets_is_left_alone(text: str) -> None:
    assert not [one for one in found(text, NameMode.BALANCED) if one[0] == Kind.SECRET]


@pytest.mark.parametrize(
    "text",
    [
        "between 1984 and 1988 we spent 1,200,000 dollars, and 3.14 percent of it twice",
        "it was 2019-10-11, or 11/10/2019, at 10:45",
        "in 1984-1988 there were 250 of them for every 1000",
        "version 1.2.3 costs $4,999.99",
    ],
)
def test_plain_numbers_and_dates_are_left_alone(text: str) -> None:
    assert found(text) == []


@given(
    digits=st.text(string.digits, min_size=10, max_size=10).filter(lambda text: text[0] not in "01"),
    form=st.sampled_from(["({}) {}-{}", "{}-{}-{}", "{}.{}.{}", "+1 {} {} {}", "{} {} {}", "+1-{}-{}-{}"]),
)
def test_a_phone_number_is_found_in_any_spelling(digits: str, form: str) -> None:
    number = form.format(digits[:3], digits[3:6], digits[6:])
    text = f"call {number} tomorrow"
    covered = {place for span in Detector().find(text) for place in range(span.start, span.end)}
    assert {place for place, letter in enumerate(text) if letter.isdigit()} <= covered


@given(
    user=st.text(string.ascii_letters + string.digits + "._+-", min_size=1, max_size=20).filter(
        lambda text: text[0].isalnum() and text[-1].isalnum()
    ),
    host=st.text(string.ascii_lowercase, min_size=1, max_size=12),
    domain=st.sampled_from(["com", "org", "co.uk", "museum", "de", "travel"]),
)
def test_an_email_address_is_found_whole(user: str, host: str, domain: str) -> None:
    address = f"{user}@{host}.{domain}"
    assert ("EMAIL", address) in found(f"write to {address}, please")


@given(st.text(max_size=300))
def test_any_text_is_looked_at_without_an_error(text: str) -> None:
    spans = Detector([text], [Participant("p", text[:20])]).find(text)
    ends = [0, *(span.end for span in spans)]
    assert all(end <= span.start < span.end <= len(text) for end, span in zip(ends, spans, strict=False))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("and then Mr. Vandersloot said no", "Vandersloot"),
        ("my name is Ximena Quispe and I teach", "Ximena Quispe"),
        ("I asked Krzysztof about it", "Krzysztof"),
        ("we met Ana de la Torre there", "Ana de la Torre"),
        ("it was J. Oyelaran's idea", "J. Oyelaran"),
    ],
)
def test_names_of_strangers_are_found_in_strict_mode(text: str, name: str) -> None:
    assert ("PERSON", name) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "In March the Senate of the United States voted on Medicare.",
        "Yes. But the Germans and the French did it on a Sunday.",
        "NATO and the EU met in London. Nobody was surprised.",
        "What the Republicans want is Social Security for all Americans.",
    ],
)
def test_places_peoples_and_parties_are_no_names(text: str) -> None:
    assert found(text) == []


def test_balanced_mode_takes_only_what_something_speaks_for() -> None:
    text = "Krzysztof knows Zbrojovka, and Dr. Vandersloot knows Sarah."
    assert found(text, NameMode.BALANCED) == [("PERSON", "Vandersloot"), ("PERSON", "Sarah")]


def test_participants_are_found_in_every_spelling() -> None:
    detector = Detector(participants=[Participant("u-17", "José Núñez-O'Hara")])
    for said in ("José", "jose", "NUNEZ", "O'Hara", "O’Hara", "Jose Nunez-OHara's", "nuñez"):
        spans = detector.find(f"as {said} told us")
        assert [span.participant_id for span in spans] == ["u-17"], said


def test_a_participant_named_like_a_word_needs_a_capital() -> None:
    detector = Detector(participants=[Participant("w", "Will")])
    text = "Will will do it, will he"
    assert [(span.start, span.participant_id) for span in detector.find(text)] == [(0, "w")]


def test_a_name_that_was_found_once_is_found_everywhere() -> None:
    texts = ["I spoke to Dr. Vandersloot.", "as vandersloot says, it works"]
    detector = Detector(texts, mode=NameMode.BALANCED)
    assert [(span.start, span.end) for span in detector.find(texts[1])] == [(3, 14)]


def test_a_first_name_that_is_also_a_particle_is_found_in_small_letters() -> None:
    detector = Detector(participants=[Participant("p-1", "Ben al-Zahrani")])
    spans = detector.find("as ben told us, and zahrani too")
    assert [(span.start, span.end) for span in spans] == [(3, 6), (20, 27)]


def test_parts_of_an_id_that_are_words_hide_no_words() -> None:
    detector = Detector(participants=[Participant("speaker-1", ""), Participant("moderator", "")])
    assert detector.find("the speaker asked the moderator for a point of order") == []


@pytest.mark.parametrize("hidden", ["\u200b", "\u00ad", "\u2060", "\ufe0f", "\u202e"])
def test_letters_that_cannot_be_seen_hide_no_name(hidden: str) -> None:
    detector = Detector(participants=[Participant("p-1", "Oyelaran")])
    text = f"it was Oye{hidden}la{hidden}ran, on 212{hidden}-555-0142"
    assert [text[span.start : span.end] for span in detector.find(text)] == [
        f"Oye{hidden}la{hidden}ran",
        f"212{hidden}-555-0142",
    ]


_FILLER = "we talked it over and nobody there could say what it was good for, " * 40


@pytest.mark.parametrize(
    "said",
    [
        *("o.nkemelu@mail.example.org", "nkemelu at example dot com", "(212) 555-0142", "203.0.113.77"),
        *(
            "4111 1111 1111 1112",
            "DE44 5001 0517 5407 3249 31",
            "2001:db8::8a2e:370:7334",
            "fe:ed:be:ef:ca:fe",
        ),
        *("https://example.com/reset?token=a1b2c3" + "/way" * 200, "forum.example.net/u/ada", "@ada_debates"),
        *("D1234567", "SW1A 1AA", "my post code is ABCDE", "social security number is 219 09 9999"),
        *("221 Upper Harbour Quay Street, Suite 12", "Lange Hafenstraße 17", "AB 12 34 56 C"),
    ],
)
def test_a_form_is_found_wherever_it_stands_in_a_long_text(said: str) -> None:
    alone = found(f"as {said} there")
    assert alone
    assert found(f"{_FILLER}as {said} there {_FILLER}") == alone
    assert found(f"{_FILLER}as {said} there {_FILLER}as {said} there") == 2 * alone


@given(
    st.lists(
        st.one_of(
            st.sampled_from(_FILLER.split()),
            st.text(string.ascii_letters + string.digits + ".,:-@/()+#", max_size=20),
            st.sampled_from([_FILLER, "\n", "token:", "post", "Quay Street", "at example dot com"]),
            st.sampled_from(
                [
                    "bearer abc12345",
                    "baſic 1234567a",
                    "12 Quay Street",
                    "AB 12 34 56 C",
                    "paſſport no A123456",
                    "1.2.3.4",
                    "pwd = hunter",
                    "é key: 'open'",
                    "fe::b",
                    8 * "ab:",
                    "eyJhbGciOiJ.ab",
                    "zip",
                ]
            ),
        ),
        max_size=30,
    ).map(" ".join)
)
def test_nothing_is_missed_by_looking_only_where_it_may_be(text: str) -> None:
    everywhere = [
        (kind, match.start())
        for kind, form, check in PATTERNS
        for match in form.finditer(text)
        if check(match["it"] if match.groupdict().get("it") else match.group())
    ]
    assert len([*by_form(text)]) == len(everywhere)
    for span, (kind, start) in zip(by_form(text), everywhere, strict=True):
        assert span.kind is kind
        assert span.start >= start


class EveryWord(Names):
    """Looks at all words closely."""

    def _is_lone_word(self, said: Sequence[str], at: int) -> bool:
        return False


NAME_PIECES = (
    *(
        "The",
        "Will",
        "May",
        "I",
        "It's",
        "I'm",
        "James",
        "Okonkwo",
        "of",
        "van",
        "Dr",
        "Mr.",
        "White",
        "London",
    ),
    *(
        "my name is",
        "dear",
        "BBC",
        "Yes",
        "Don't",
        "O'Neil",
        "the",
        "Jean-Luc",
        "said",
        "who",
        "Ms",
        "'s",
        "中",
        "É",
    ),
)
NAME_TEXTS = st.lists(
    st.tuples(st.sampled_from(NAME_PIECES), st.sampled_from((" ", ". ", ", ", "\n", "-", ": ", ' "')))
    .map("".join)
).map("".join)  # fmt: skip


@given(st.lists(NAME_TEXTS, max_size=4), st.sampled_from(NameMode))
def test_no_name_is_missed_by_passing_over_words_that_stand_alone(texts: list[str], mode: NameMode) -> None:
    spoken = frozenset({"white", "okonkwo"})
    passing, looking = Names(mode, spoken), EveryWord(mode, spoken)
    for text in texts:
        assert [*passing.found_in(text)] == [*looking.found_in(text)]


@given(st.lists(NAME_TEXTS, max_size=4), NAME_TEXTS)
def test_one_text_is_looked_through_as_among_others(texts: list[str], said: str) -> None:
    alone = Detector([said, *texts], only=said)
    assert alone.find(said) == Detector([said, *texts]).find(said)


MARY_AND_OTHERS = (
    *(
        "'",
        "`",
        ".",
        " ",
        "-",
        "\n",
        "Mary",
        "ANN",
        "mary  ann",
        "O'Neil",
        "oneil",
        "O`neil",
        "Yilmaz",
        "al",
        "Al",
    ),
    *("speaker-1", "xal"),
)


@given(st.lists(st.sampled_from(MARY_AND_OTHERS)).map("".join))
def test_participants_are_found_the_same_whatever_alphabets_a_text_has(text: str) -> None:
    people = ("Mary Ann O'Neil", "Deniz Yılmaz", "Al Brandt", "Иван Петров", "speaker-1")
    roster = Roster([Participant(f"p{place}", name) for place, name in enumerate(people)])
    assert [*roster.named_in(f"{text}. ")] == [*roster.named_in(f"{text}. ж")]


@pytest.mark.parametrize("name", ["Al", "De", "El", "Van"])
@pytest.mark.parametrize(
    "text",
    [
        "as {} said before",
        "thanks, {}.",
        "well {}, that is no answer",
        "i agree with {}.",
        "no, {}, it is not",
    ],
)
def test_a_participant_called_like_a_particle_is_found_where_the_name_is_said(name: str, text: str) -> None:
    said = text.format(name.lower())
    [span] = Detector(participants=[Participant("x-9", name)]).find(said)
    assert (said[span.start : span.end], span.participant_id) == (name.lower(), "x-9")


@pytest.mark.parametrize("text", ["{}, are you there?", "it was as good as {}'s", "that is right, {}"])
def test_a_particle_that_is_no_word_is_found_in_an_address_too(text: str) -> None:
    said = text.format("al")
    assert [span.participant_id for span in Detector(participants=[Participant("x-9", "Al")]).find(said)] == [
        "x-9"
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Van", "they came by car, van, and bus, and the van said so on its side"),
        ("Van", "and so, van der Velde was late"),
        ("De", "it is de facto a tax, de jure, it is none"),
        ("Al", "smith et al had it, and al-jazeera as well"),
        ("La", "it was la la land"),
        ("Do", "do what we do, and please do it"),
        ("Der", "sagte der, der da kam"),
    ],
)
def test_a_particle_in_another_use_is_left_alone(name: str, text: str) -> None:
    spans = Detector(participants=[Participant("x-9", name)]).find(text)
    assert not [text[span.start : span.end] for span in spans if span.participant_id]


MET = st.lists(
    st.sampled_from(["The", "Hague", "the", "Ana", "ANA", "ana", "O'Dea", "dea", "-", " ", "'", ". ", "x"]),
    max_size=12,
).map("".join)


@given(st.sets(st.sampled_from(["The Hague", "The", "Ana", "Ana O'Dea", "You"])), MET)
def test_few_names_are_found_again_with_and_without_cutting_the_text_into_words(
    names: set[str], text: str
) -> None:
    met = Met(names)
    with_words = f"{text} é"  # no ASCII any more
    assert [*met.found_in(text)] == [*met.found_in(with_words)]


@given(st.text("aBcÉé_1 ", max_size=30))
def test_words_without_a_capital_begin_where_a_word_does(text: str) -> None:
    said = re.findall(r"(?<![^\W_])[^\W\d_A-Z][^\W\d_A-Z]+", text)
    assert words_without_capital([text]) == frozenset(said)
