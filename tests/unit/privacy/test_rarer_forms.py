"""Forms of personal data that are seldom met, and what looks like them and is none."""

from __future__ import annotations

import pytest

from analysis_worker.privacy.check_digits import is_dni, is_vin
from analysis_worker.privacy.detector import Detector
from analysis_worker.privacy.kinds import Kind
from analysis_worker.privacy.names import NameMode

FORMS = [
    (Kind.CARD, "4111.1111.1111.1111"),
    (Kind.CARD, "3782.822463.10005"),
    (Kind.IBAN, "DE44.5001.0517.5407.3249.31"),
    (Kind.IP, "2001:db8::/32"),
    (Kind.IP, "2001:db8:85a3::8a2e:370:7334/64"),
    (Kind.IP, "192[.]0[.]2[.]44"),
    (Kind.IP, "192(.)0(.)2(.)44"),
    (Kind.URL, "hxxps://mail.example/login?id=7"),
    (Kind.URL, "intranet-mail[.]example[.]com"),
    (Kind.URL, "my-host.internal:8443/admin"),
    (Kind.URL, "example.com:8443/admin"),
    (Kind.URL, "localhost:8080/private"),
    (Kind.URL, "wiki.team.corp/minutes"),
    (Kind.URL, "discord.gg/aB3xYz"),
    (Kind.URL, "xn--bcher-kva.example/buch"),
    (Kind.URL, "bücher.xn--p1ai/ab"),
    (Kind.HANDLE, "u/quiet_heron_77"),
    (Kind.HANDLE, "/u/quietheron"),
    (Kind.HANDLE, "r/ourvillage"),
    (Kind.NATIONAL_ID, "12345678Z"),
    (Kind.NATIONAL_ID, "12.345.678-Z"),
    (Kind.NATIONAL_ID, "X1234567L"),
    (Kind.NATIONAL_ID, "Y-1234567-X"),
    (Kind.NATIONAL_ID, "ABCPK1234F"),
    (Kind.LICENCE, "1HGCM82633A004352"),
    (Kind.ACCOUNT, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    (Kind.ACCOUNT, "0x742d35Cc6634C0532925a3b844Bc454e4438f44e"),
    (Kind.EMAIL, '"john doe"@example.com'),
    (Kind.EMAIL, "john.doe @ example . com"),
    (Kind.EMAIL, "john.doe@ example.com"),
    (Kind.EMAIL, "john.doe[at]example[.]org"),
    (Kind.PHONE, "０３－１２３４－５６７８"),
    (Kind.PHONE, "090ー1234ー5678"),
    (Kind.POSTCODE, "〒100-0001"),
]
IN_CONTEXT = [
    (Kind.POSTCODE, "I live in {} Berlin, you know", "10117"),
    (Kind.POSTCODE, "the address: {} Köln", "D-50667"),
    (Kind.BIRTHDATE, "I was born on {} in a small place", "4 March 1987"),
    (Kind.BIRTHDATE, "date of birth: {}, as it says", "1987-03-04"),
    (Kind.BIRTHDATE, "my DOB is {} there", "04/03/1987"),
    (Kind.BIRTHDATE, "my birthday is {} as you know", "March 4th, 1987"),
    (Kind.BIRTHDATE, "ich bin am {} geboren, sagte sie", "4. März 1987"),
    (Kind.BIRTHDATE, "elle est née le {} à Lyon", "4 mars 1987"),
    (Kind.BIRTHDATE, "fue nacido el {} en", "4 de marzo de 1987"),
    (Kind.SECRET, 'the password is "{}", keep it', "correct horse battery staple"),
    (Kind.SECRET, "her passphrase was “{}” then", "blue moon over water"),
    (Kind.SECRET, "das Passwort lautet „{}“ oder", "vier graue Katzen"),
    (Kind.LICENCE, "with the VIN: {} in it", "WBA3A5C57CF256651"),
]


def found(text: str) -> list[tuple[str, str]]:
    spans = Detector(mode=NameMode.BALANCED).find(text)
    return [(span.kind.value, text[span.start : span.end]) for span in spans]


@pytest.mark.parametrize(("kind", "said"), FORMS)
def test_a_rare_form_is_found_whole(kind: Kind, said: str) -> None:
    assert found(f"you can have it, it is {said} as far as we know") == [(kind.value, said)]


@pytest.mark.parametrize(("kind", "around", "said"), IN_CONTEXT)
def test_what_only_its_context_tells_is_found_whole(kind: Kind, around: str, said: str) -> None:
    assert (kind.value, said) in found(around.format(said))


@pytest.mark.parametrize(
    "text",
    [
        "12345678A and X1234567A have another letter than such a number",
        "1HGCM82643A004352 has another check digit",
        "the ratio was 4:15 at noon.Then 10:30, and he/she/they, and/or, w/o, r/w, u/s",
        "in 15000 Americans and in 20000 Cases; from 1990 Berlin was one",
        "it was born on a Monday, and the idea was born in 1987",
        "the password is 'important' they say, and \"passwords\" are dull",
        "see you @ noon. The end, meet @ the bar . So",
        "section (a)(.) and an array[.] of them [sic]. The local paper, the corp. and the internal one",
        "0x1F is a number, so is bc1",
        "ABCDE1234F is no such number, nor is ABC1234",
    ],
)
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_letters_and_digits_are_checked() -> None:
    assert is_dni("00000000T")
    assert is_dni("x-0000000-t")
    assert not is_dni("00000001T")
    assert is_vin("11111111111111111")
    assert is_vin("1M8GDM9AXKP042788")
    assert not is_vin("1M8GDM9A1KP042788")
