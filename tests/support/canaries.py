"""Fifty strings that must never be seen outside a debate and its result, and the debate that holds them.

None is anybody's: names are made up, numbers are of ranges that are never given out or fail their check sum,
secrets open nothing.
"""

from __future__ import annotations

from typing import Final

from bothsides.jobs import v1 as pb

#: Participants: id, name, role.
PEOPLE: Final = (
    ("zeltrude-k", "Zeltrude Kwanbrook", pb.Participant.DEBATER),
    ("ormwick", "Thaddeus Ormwickle", pb.Participant.DEBATER),
    ("chair", "Ysolde Fennimarch", pb.Participant.MODERATOR),
)
#: What is looked for, and the sentence that it is said in.
PLANTED: Final = (
    ("Zeltrude", "Zeltrude, you said the opposite last year."),
    ("Kwanbrook", "Then Ms Kwanbrook should show us her numbers."),
    ("Ormwickle", "I thank Thaddeus Ormwickle for the question."),
    ("Thaddeus", "thaddeus, that is no answer at all."),
    ("Fennimarch", "Madam chair, Ysolde Fennimarch, may I finish?"),
    ("Ysolde", "Ysolde will stop us when the time is up."),
    ("Brankovitz", "My neighbour Dr. Brankovitz has lived there for years."),
    ("Quillmaster", "Mrs. Quillmaster told me that nobody asked her."),
    ("Tannhausenberg", "My name is Gisela Tannhausenberg and I live on the north side."),
    ("zk.private@kwanbrook.example", "Write to zk.private@kwanbrook.example if you do not believe me."),
    ("orm+debate@mailbox.example.org", "My address is orm+debate@mailbox.example.org, as it always was."),
    ("hidden.person(at)posteo(dot)de", "Or use hidden.person(at)posteo(dot)de for the minutes."),
    ("Ü.nal@beispiel.example", "The engineer is Ü.nal@beispiel.example and he answers."),
    ("+1 202 555 0147", "Call the office on +1 202 555 0147 before noon."),
    ("(202) 555-0173", "Or the other desk, (202) 555-0173, after noon."),
    ("+44 20 7946 0958", "In London it is +44 20 7946 0958, day and night."),
    ("0049 30 23125 987", "The plant in Berlin has 0049 30 23125 987 for complaints."),
    ("202.555.0119", "My own number is 202.555.0119, and I pick up."),
    ("4539 1488 0343 6467", "I paid for the poster with 4539 1488 0343 6467 myself."),
    ("5425233430109903", "The club's card is 5425233430109903, look it up."),
    ("3714-4963-5398-431", "They charged 3714-4963-5398-431 twice for the hall."),
    ("DE89 3704 0044 0532 0130 00", "Donations go to DE89 3704 0044 0532 0130 00 as before."),
    ("GB29NWBK60161331926819", "The council uses GB29NWBK60161331926819 for the fines."),
    ("FR14 2004 1010 0505 0001 3M02 606", "Their account, FR14 2004 1010 0505 0001 3M02 606, is empty."),
    ("078-05-1120", "She even read out 078-05-1120 to the whole room."),
    ("219 09 9999", "He gave 219 09 9999 as his number to the clerk."),
    ("QQ 12 34 56 C", "The form had QQ 12 34 56 C on its first page."),
    ("RSSMRA85T10A562S", "The Italian witness signed as RSSMRA85T10A562S in the list."),
    ("X4RTB9271", "His passport number is X4RTB9271 and it was copied."),
    ("203.0.113.77", "The vote was flooded from 203.0.113.77 in one night."),
    ("198.51.100.23:8443", "The camera answers at 198.51.100.23:8443 to anybody."),
    ("2001:db8:85a3::8a2e:370:7334", "The logs show 2001:db8:85a3::8a2e:370:7334 as well."),
    ("00:1B:44:11:3A:B7", "The router is 00:1B:44:11:3A:B7, says the report."),
    (
        "share.example.com/minutes?token=Zx81Qp77Lm",
        "Read https://share.example.com/minutes?token=Zx81Qp77Lm before you talk.",
    ),
    (
        "zk:opensesame9@intra.example.net",
        "The draft is at https://zk:opensesame9@intra.example.net/draft still.",
    ),
    ("hidden-drafts.example.io/v2", "It was on hidden-drafts.example.io/v2 for a week."),
    ("@zk_private_77", "Follow @zk_private_77 for what really happened."),
    ("@ormwick.offline", "He posts as @ormwick.offline every evening."),
    ("742 Evergreen Terrace", "She lives at 742 Evergreen Terrace, right by the bridge."),
    ("Lindenallee 17b", "The office moved to Lindenallee 17b in spring."),
    ("221 Bakersfield Road", "The shop at 221 Bakersfield Road would close."),
    ("P.O. Box 90817", "Send it to P.O. Box 90817 and wait."),
    ("SW1A 2AX", "Their postcode is SW1A 2AX, so they vote here."),
    ("sk-proj-4fQ9vT2mXw8LzR7nKd3B", "The key was sk-proj-4fQ9vT2mXw8LzR7nKd3B on the slide."),
    ("ghp_9aZ8yX7wV6uT5sR4qP3oN2mL1kJ0iHgFeDcB", "He pasted ghp_9aZ8yX7wV6uT5sR4qP3oN2mL1kJ0iHgFeDcB there."),
    ("AKIAQ7EXAMPLE4ZK7NBX", "The bucket opens with AKIAQ7EXAMPLE4ZK7NBX, I was told."),
    (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ6ayJ9.c2lnbmF0dXJlLW9mLXpr",
        "The cookie was eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ6ayJ9.c2lnbmF0dXJlLW9mLXpr all along.",
    ),
    ("Tr0ub4dor&3-zk", "The password is Tr0ub4dor&3-zk and has been for years."),
    ("xoxb-2413-8675309-zkTokenOfTheBot", "The bot used xoxb-2413-8675309-zkTokenOfTheBot until May."),
    (
        "MIIEvQIBADANBgkqhkiG9w0zk",
        "It began -----BEGIN PRIVATE KEY----- MIIEvQIBADANBgkqhkiG9w0zk and went on.",
    ),
)
_FILLER: Final = (
    "We should close the old bridge, because it was never built for cars.",
    "That would cost the shops a third of their customers.",
    "The engineers say that the pillars will hold for ten years at most.",
    "Nobody has asked the people who cannot walk far.",
)


def planted_debate(conversation_id: str = "planted") -> pb.Conversation:
    """Return a debate of 25 turns, two planted sentences in each."""
    made = pb.Conversation(
        conversation_id=conversation_id,
        title="Zeltrude Kwanbrook against Thaddeus Ormwickle",
        motion="The old bridge should be closed, as Zeltrude Kwanbrook says",
        language="en",
    )
    for participant_id, name, role in PEOPLE:
        made.participants.add(participant_id=participant_id, display_name=name, role=role)
    for number in range(0, len(PLANTED), 2):
        speaker = PEOPLE[number // 2 % 2][0]
        said = " ".join((_FILLER[number // 2 % 4], PLANTED[number][1], PLANTED[number + 1][1]))
        made.turns.add(turn_id=f"t{number // 2}", participant_id=speaker, text=said)
    return made


def seen_in(text: str | bytes) -> list[str]:
    """Return what was planted and stands in a text, whole or by its ends, in any case, escaped or not."""
    told = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    plain = told.casefold()
    return [planted for planted, _ in PLANTED if any(form in plain for form in _forms(planted))]


def _forms(planted: str) -> set[str]:
    """Return the ways in which a planted string may show: as it is, escaped, joined, and cut in two."""
    joined = "".join(letter for letter in planted if letter.isalnum())
    forms = {planted, ascii(planted)[1:-1]}
    if sum(map(str.isdigit, joined)) > 8:
        forms.add(joined)
    if " " not in planted and len(planted) > 14:
        forms |= {planted[:9], planted[-9:]}
    return {form.casefold() for form in forms}
