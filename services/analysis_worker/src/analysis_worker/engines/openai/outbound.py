"""A debate as it may leave the process: sentences with placeholders, under ids that nobody in it can guess.

Ids come from the text and a secret, so that the same debate is the same request and is paid for once, and
still no debater can name a sentence. Sentences that speak to a model stay here; they are counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import groupby
from typing import Any, Final, TypeAlias

from analysis_worker.domain.conversation import Conversation, Role
from analysis_worker.domain.metric import Evidence, quote
from analysis_worker.domain.unshown import Unshown
from analysis_worker.engines.local.sentences import sentence_spans
from analysis_worker.privacy.injection import ANY, Suspicion, speaks_to_a_model
from analysis_worker.privacy.placeholders import OriginalInPayload, PlaceholderMap
from analysis_worker.privacy.redaction import redact
from common.provider.tokens import estimate_tokens

#: Sides that are told to the model; others are words of users, and are not.
_SIDES: Final = frozenset({"for", "against", "pro", "con", "proposition", "opposition"})
#: What a turn and a sentence cost beside their text (tokens).
_FRAME_TOKENS: Final = 16
_ID: Final = re.compile(r"[0-9a-f]{12}")
_SPEAKER: Final = re.compile(r"\[S(\d{1,4})\]")
#: Who speaks, in JSON of ours: what people say has no quotation mark there without a backslash before it.
_SAYS: Final = re.compile(r'"speaker":"([^"]+)"')
#: How a window is sent: with the speakers swapped or not, blind or not.
Way: TypeAlias = tuple[bool, bool]


@dataclass(frozen=True, slots=True, repr=False)
class Line(Unshown):
    """One sentence."""

    sid: str
    #: "S1" and so on.
    speaker: str
    turn: int
    #: With placeholders.
    text: str = field(repr=False)
    #: Where it stands in the original.
    evidence: Evidence = field(repr=False)
    #: What it takes of a window, with its id.
    tokens: int


@dataclass(frozen=True, slots=True, repr=False)
class Outbound(Unshown):
    """One debate. Holds the placeholder map: never logged, kept or sent as a whole."""

    motion: str = field(repr=False)
    #: Speaker, role and side, in the roster's order.
    roster: tuple[tuple[str, str, str], ...]
    lines: tuple[Line, ...] = field(repr=False)
    #: Speaker -> participant id; only debaters may be judged.
    people: Mapping[str, str] = field(repr=False)
    debaters: tuple[str, ...]
    #: Participant id -> side, as declared.
    sides: Mapping[str, str] = field(repr=False)
    placeholders: PlaceholderMap
    nonce: str = field(repr=False)
    #: Sentences that were kept back, since they speak to a model.
    withheld: int
    #: Its windows, by their length (tokens).
    _windows: dict[int, list[Window]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _places: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def places(self) -> Mapping[str, int]:
        """Where among the lines each sentence stands, by its id."""
        if not self._places:
            self._places.update((line.sid, place) for place, line in enumerate(self.lines))
        return self._places

    def __reduce__(self) -> tuple[Any, ...]:
        # Value by value, the lines would take four times as long to pickle and to read.
        lines = [
            (each.sid, each.speaker, each.turn, each.text, each.tokens, *_columns(each))
            for each in self.lines
        ]
        rest = (getattr(self, each.name) for each in fields(self) if each.init and each.name != "lines")
        return _outbound, ([*zip(*lines, strict=True)], *rest)


@dataclass(frozen=True, slots=True, repr=False)
class Window(Unshown):
    """Consecutive sentences that are sent together."""

    lines: tuple[Line, ...] = field(repr=False)
    #: What is sent of it.
    _sent: dict[Way, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    _by_id: dict[str, Line] = field(default_factory=dict, init=False, repr=False, compare=False)
    #: End when it has been written in another process, or could not be.
    _coming: list[asyncio.Future[None]] = field(default_factory=list, init=False, repr=False, compare=False)

    def take(self, sent: Mapping[Way, str]) -> None:
        """Take over what is sent of it, written and checked in another process."""
        self._sent.update(sent)

    def comes_with(self, writing: asyncio.Future[None]) -> None:
        """Have who asks about it wait for what is sent of it."""
        self._coming.append(writing)

    async def come(self) -> None:
        """Wait until it is written, where it is being written; else it is written when it is asked for."""
        if self._coming:
            await asyncio.wait(self._coming)

    def line(self, sid: str) -> Line | None:
        """Return a sentence of this window, or None."""
        if not self._by_id:
            self._by_id.update((line.sid, line) for line in reversed(self.lines))
        return self._by_id.get(sid)


def _columns(line: Line) -> tuple[str, int, int, str | None]:
    said = line.evidence
    return said.turn_id, said.start, said.end, None if said.quote == line.text else said.quote


def _outbound(columns: Sequence[Sequence[Any]], motion: str, roster: Any, *rest: Any) -> Outbound:
    """Return a debate from its pickled form."""
    lines = (
        Line(sid, speaker, turn, text, Evidence(of, start, end, text if said is None else said), tokens)
        for sid, speaker, turn, text, tokens, of, start, end, said in zip(*columns, strict=True)
    )
    return Outbound(motion, roster, tuple(lines), *rest)


def outbound_of(conversation: Conversation, secret: bytes, kept: PlaceholderMap | None = None) -> Outbound:
    """Return a debate as it may leave. Never raises for what stands in it.

    Args:
        kept: The map that was used for the conversation before.
    """
    redacted = redact(conversation, kept=kept)
    safe = redacted.conversation
    text = json.dumps([[turn.participant_id, turn.text] for turn in safe.turns])
    key = hmac.digest(secret, hashlib.sha256(text.encode()).digest(), "sha256")
    lines: list[Line] = []
    withheld = 0
    # What is nowhere in the debate is not looked for in each sentence.
    of_debate = ANY.of("\n".join((*(turn.text for turn in conversation.turns), *redacted.map.originals)))
    for index, (turn, original, place) in enumerate(
        zip(safe.turns, conversation.turns, redacted.turns, strict=True)
    ):
        suspicion = of_debate.of(turn.text)
        same = turn.text == original.text
        whole = speaks_to_a_model(original.text, suspicion if same else of_debate)
        for start, end in sentence_spans(turn.text):
            said = turn.text[start:end]
            if speaks_to_a_model(said, suspicion) or (
                whole
                and not (
                    _harmless(turn.text, start, end, suspicion)
                    # Its verb may be taken for a name.
                    and (
                        same or not speaks_to_a_model(original.text[slice(*place.original_span(start, end))])
                    )
                )
            ):
                withheld += 1
                continue
            was_start, was_end = place.original_span(start, end)
            sid = hmac.digest(key, f"{index}.{start}".encode(), "sha256").hex()[:12]
            evidence = quote(original.turn_id, original.text, was_start, was_end)
            tokens = estimate_tokens(said) + _FRAME_TOKENS
            lines.append(Line(sid, turn.participant_id, index, said, evidence, tokens))
    motion = "" if speaks_to_a_model(conversation.motion) else safe.motion
    people = {
        redacted.map.speaker(turn.participant_id): turn.participant_id for turn in conversation.turns
    } | {
        redacted.map.speaker(participant.participant_id): participant.participant_id
        for participant in conversation.participants
    }
    return Outbound(
        motion=motion,
        roster=tuple(
            (
                participant.participant_id,
                participant.role.value,
                participant.side.lower() if participant.side.lower() in _SIDES else "",
            )
            for participant in safe.participants
        ),
        lines=tuple(lines),
        people=people,
        debaters=tuple(each.participant_id for each in safe.participants if each.role is Role.DEBATER),
        sides={people[each.participant_id]: each.side for each in safe.participants},
        placeholders=redacted.map,
        nonce=hmac.digest(key, b"nonce", "sha256").hex()[:16],
        withheld=withheld,
    )


def is_id(text: str) -> bool:
    """Say whether a text has the form of a sentence's id."""
    return _ID.fullmatch(text) is not None


def _harmless(text: str, start: int, end: int, suspicion: Suspicion) -> bool:
    """Say whether a turn that speaks to a model still does so without its neighbours of this sentence."""
    return not speaks_to_a_model(text[max(0, start - 200) : end + 200], suspicion)


def windows(debate: Outbound, most_tokens: int) -> list[Window]:
    """Cut a debate at turns, each window beginning with the turn that ended the one before it.

    A turn that is longer than a window is cut at its sentences. Every sentence is in at least one window.
    """
    known = debate._windows.get(most_tokens)
    if known is None:
        known = debate._windows[most_tokens] = _cut(debate, most_tokens)
    return known


def _cut(debate: Outbound, most_tokens: int) -> list[Window]:
    made: list[Window] = []
    current: list[Line] = []
    used = 0
    before = 0  # tokens of the turn that ended the window so far
    for turn, cost in _turns(debate.lines, most_tokens):
        if current and used + cost > most_tokens:
            made.append(Window(tuple(current)))
            overlaps = before + cost <= most_tokens
            current = [line for line in current if line.turn == current[-1].turn] if overlaps else []
            used = before if overlaps else 0
        before = cost + (before if current and current[-1].turn == turn[0].turn else 0)
        current += turn
        used += cost
    if current:
        made.append(Window(tuple(current)))
    return made


def _turns(lines: Sequence[Line], most_tokens: int) -> Iterator[tuple[list[Line], int]]:
    """Yield each turn, or each piece of one that is too long, with its tokens."""
    for _, group in groupby(lines, key=lambda line: line.turn):
        piece: list[Line] = []
        used = 0
        for line in group:
            if piece and used + line.tokens > most_tokens:
                yield piece, used
                piece, used = [], 0
            piece.append(line)
            used += line.tokens
        yield piece, used


def messages_of(
    debate: Outbound, window: Window, *, swapped: bool = False, blind: bool = False
) -> tuple[str, str]:
    """Return what is sent of a debate: who debates what, then the window. Both are JSON.

    Args:
        swapped: Name and list the speakers in the opposite order.
        blind: Name no speaker and no motion: say of each turn only by which role it is.

    Raises:
        OriginalInPayload: Personal data is left in it; nothing may be sent.
    """
    alias = aliases(debate) if swapped else {speaker: speaker for speaker, _, _ in debate.roster}
    roster = sorted(
        ({"speaker": alias[speaker], "role": role, "side": side} for speaker, role, side in debate.roster),
        key=lambda row: int(row["speaker"][1:]),
    )
    about = (
        {"motion": "", "participants": []}
        if blind
        else {"motion": _SPEAKER.sub(_renaming(alias), debate.motion), "participants": roster}
    )
    sent = window._sent.get((swapped, blind))
    if sent is None:
        plain = window._sent.get((False, False)) or _checked(debate, window)
        roles = {speaker: role for speaker, role, _ in debate.roster} if blind else alias
        sent = plain
        if swapped or blind:
            sent = _SAYS.sub(lambda match: f'"speaker":"{roles[match[1]]}"', sent)
            sent = _SPEAKER.sub("[SPEAKER]" if blind else _renaming(alias), sent)
        window._sent[False, False], window._sent[swapped, blind] = plain, sent
    # What people wrote, that is: in our own words, such as "moderator", a participant's name may stand.
    debate.placeholders.assert_clean(debate.motion)
    return json.dumps(about, ensure_ascii=False, separators=(",", ":")), sent


def what_is_sent(debate: Outbound, window: Window, ways: Sequence[Way]) -> dict[Way, str]:
    """Return what is sent of a window in some ways; {} if nothing may be: who asks is told why."""
    try:
        for swapped, blind in ways:
            messages_of(debate, window, swapped=swapped, blind=blind)
    except OriginalInPayload:
        return {}
    return {way: window._sent[way] for way in ways}


def _checked(debate: Outbound, window: Window) -> str:
    """Return a window as JSON; raises OriginalInPayload."""
    debate.placeholders.assert_clean(" ".join(line.text for line in window.lines))
    turns = [
        {"speaker": speaker, "sentences": [{"id": line.sid, "text": line.text} for line in group]}
        for (_, speaker), group in groupby(window.lines, key=lambda line: (line.turn, line.speaker))
    ]
    sent = {"data": debate.nonce, "turns": turns, "end_of_data": debate.nonce}
    return json.dumps(sent, ensure_ascii=False, separators=(",", ":"))


def _renaming(alias: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    return lambda match: f"[{alias.get(match.group()[1:-1], match.group()[1:-1])}]"


def aliases(debate: Outbound) -> dict[str, str]:
    """Return the speakers' names in the opposite order; it is its own inverse."""
    speakers = [speaker for speaker, _, _ in debate.roster]
    return dict(zip(speakers, reversed(speakers), strict=True))
