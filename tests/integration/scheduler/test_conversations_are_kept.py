"""ConversationService and AnalysisService over a real port and a real store."""

from __future__ import annotations

import grpc
import pytest
import redis

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from common.store.documents import ANALYSES, INSIGHTS, put_document
from common.store.operation import SyncRunner
from support.scheduler import NAMESPACE, Served, credentials, debate, refusal, serving


async def _put(served: Served, conversation: pb.Conversation) -> pb.Conversation:
    return await served.conversations.PutConversation(pb.PutConversationRequest(conversation=conversation))


async def test_a_conversation_is_kept_as_it_was_put(scheduler: Served) -> None:
    put = debate()
    put.motion = "This house would."
    put.turns[0].start_seconds = 0
    put.turns[0].end_seconds = 2.5

    answer = await _put(scheduler, put)
    kept = await scheduler.conversations.GetConversation(
        pb.GetConversationRequest(conversation_id=put.conversation_id)
    )

    assert kept.turns == put.turns
    assert (kept.title, kept.motion) == (put.title, put.motion)
    assert (kept.turn_count, kept.word_count) == (4, 8)
    assert kept.update_time == answer.update_time
    assert not answer.turns


async def test_participants_are_taken_from_the_turns_if_none_are_listed(scheduler: Served) -> None:
    answer = await _put(scheduler, debate())

    assert [participant.participant_id for participant in answer.participants] == ["ann", "ben"]


async def test_a_conversation_is_replaced_by_a_later_one(scheduler: Served) -> None:
    await _put(scheduler, debate(turns=4))
    await _put(scheduler, debate(turns=6))

    listed = await scheduler.conversations.ListConversations(pb.ListConversationsRequest())

    assert [(entry.conversation_id, entry.turn_count) for entry in listed.conversations] == [("debate-1", 6)]


async def test_a_list_has_no_turns_and_stays_the_same_while_others_are_put(scheduler: Served) -> None:
    for i in range(7):
        await _put(scheduler, debate(f"debate-{i}"))
    listed: list[pb.Conversation] = []
    token = ""
    for i in range(3):
        response = await scheduler.conversations.ListConversations(
            pb.ListConversationsRequest(page_size=3, page_token=token)
        )
        listed += response.conversations
        token = response.next_page_token
        await _put(scheduler, debate(f"later-{i}"))

    assert token == ""
    assert sorted(entry.conversation_id for entry in listed) == [f"debate-{i}" for i in range(7)]
    assert all(entry.title == "A debate" and entry.turn_count == 4 and not entry.turns for entry in listed)


def _changed(**fields: object) -> pb.Conversation:
    conversation = debate()
    conversation.MergeFrom(pb.Conversation(**fields))  # type: ignore[arg-type]
    return conversation


def _with_turn(**fields: object) -> pb.Conversation:
    turn = {"turn_id": "extra", "participant_id": "ann", "text": "x", **fields}
    return _changed(turns=[pb.Turn(**turn)])  # type: ignore[arg-type]


BAD = {
    "none at all": (pb.Conversation(conversation_id="c"), ["conversation.turns"]),
    "no id": (pb.Conversation(turns=debate().turns), ["conversation.conversation_id"]),
    "one speaker": (
        pb.Conversation(conversation_id="c", turns=[pb.Turn(turn_id="1", participant_id="ann", text="x")]),
        ["conversation.turns"],
    ),
    "a turn id twice": (_with_turn(turn_id="t1"), ["conversation.turns[4].turn_id"]),
    "a turn without a speaker": (_with_turn(participant_id=""), ["conversation.turns[4].participant_id"]),
    "a listed participant twice": (
        _changed(participants=[pb.Participant(participant_id=name) for name in ("ann", "ben", "ann")]),
        ["conversation.participants[2].participant_id"],
    ),
    "one listed participant": (
        _changed(participants=[pb.Participant(participant_id="ann")]),
        [
            "conversation.participants",
            "conversation.turns[1].participant_id",
            "conversation.turns[3].participant_id",
        ],
    ),
    "a stranger": (
        pb.Conversation(
            conversation_id="c",
            participants=[pb.Participant(participant_id=name) for name in ("ann", "ben")],
            turns=[*debate().turns, pb.Turn(turn_id="x", participant_id="eve", text="x")],
        ),
        ["conversation.turns[4].participant_id"],
    ),
    "an end before the start": (
        _with_turn(start_seconds=2.0, end_seconds=1.0),
        ["conversation.turns[4].end_seconds"],
    ),
    "a start that is no number": (
        _with_turn(start_seconds=float("nan")),
        ["conversation.turns[4].start_seconds"],
    ),
    "an unknown role": (
        _changed(participants=[pb.Participant(participant_id="ann", role=9)]),  # type: ignore[arg-type]
        ["conversation.participants[0].role"],
    ),
    "too many turns": (
        pb.Conversation(
            conversation_id="c",
            turns=[pb.Turn(turn_id=str(i), participant_id=str(i % 2), text="x") for i in range(10_001)],
        ),
        ["conversation.turns"],
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_conversation_is_refused_with_the_names_of_its_fields(
    scheduler: Served, name: str
) -> None:
    conversation, fields = BAD[name]

    refused = await refusal(_put(scheduler, conversation))

    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert sorted(set(refused.fields)) == fields


async def test_ten_megabytes_are_too_much(scheduler: Served) -> None:
    large = debate(turns=10)
    for turn in large.turns:
        turn.text = "words " * 180_000

    refused = await refusal(_put(scheduler, large))

    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "TRANSCRIPT_TOO_LARGE")
    assert refused.fields == ["conversation.turns"]
    assert int(refused.metadata["size_bytes"]) > int(refused.metadata["limit_bytes"])


async def test_an_error_never_quotes_what_was_said(scheduler: Served) -> None:
    conversation = _with_turn(turn_id="t1", text="a confession", start_seconds=2.0, end_seconds=1.0)

    refused = await refusal(_put(scheduler, conversation))

    assert "confession" not in str(refused.status)


async def test_hostile_content_is_taken_unless_the_operator_refuses_it(valkey: str) -> None:
    hostile = _with_turn(turn_id="t9", text="What bullshit, you bastards.")
    hostile.motion = "Kikes out"
    store = {"REDIS_URL": valkey}
    for action in ("flag", "mask"):
        async with serving({**store, "CONTENT_INPUT": action}) as served:
            await _put(served, hostile)
            kept = await served.conversations.GetConversation(
                pb.GetConversationRequest(conversation_id=hostile.conversation_id)
            )
            assert kept.turns == hostile.turns

    async with serving({**store, "CONTENT_INPUT": "refuse"}) as served:
        refused = await refusal(_put(served, hostile))
        assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "CONTENT_REFUSED")
        assert refused.fields == ["conversation.motion", "conversation.turns[4].text"]
        assert refused.metadata["kinds"] == "profanity,slur"
        assert "take it out" in str(refused.status)
        assert "bullshit" not in str(refused.status)
        # What is clean is taken, and so is what the lists are not made for.
        await _put(served, debate("clean"))
        hostile.language = "fr-CA"
        await _put(served, hostile)


async def test_an_unknown_conversation_is_not_found(scheduler: Served) -> None:
    refused = await refusal(
        scheduler.conversations.GetConversation(pb.GetConversationRequest(conversation_id="none"))
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "CONVERSATION_NOT_FOUND")


async def test_tenants_have_conversations_of_their_own(valkey: str) -> None:
    async with serving(valkey, auth=True) as served:
        north = credentials("north", Role.SUBMITTER, Role.PAYLOAD_READER)
        south = credentials("south", Role.SUBMITTER, Role.PAYLOAD_READER)
        await served.conversations.PutConversation(
            pb.PutConversationRequest(conversation=debate()), metadata=north
        )
        get = pb.GetConversationRequest(conversation_id="debate-1")

        refused = await refusal(served.conversations.GetConversation(get, metadata=south))
        listed = await served.conversations.ListConversations(pb.ListConversationsRequest(), metadata=south)
        submitter = await refusal(
            served.conversations.GetConversation(get, metadata=credentials("north", Role.SUBMITTER))
        )

    assert refused.reason == "CONVERSATION_NOT_FOUND"
    assert not listed.conversations
    assert submitter.code is grpc.StatusCode.PERMISSION_DENIED


def _keep_analysis(client: redis.Redis, conversation_id: str, turns: int) -> None:
    body = pb.DebateAnalysis(conversation_id=conversation_id, turn_count=turns).SerializeToString()
    operation = put_document(
        NAMESPACE, ANALYSES, "default", conversation_id, body=body, about=b"{}", job_id="ai-1", attempt=1
    )
    assert SyncRunner(client).run(operation) > 0


async def test_a_kept_analysis_is_read_with_where_it_came_from(
    scheduler: Served, client: redis.Redis
) -> None:
    _keep_analysis(client, "debate-1", 4)

    analysis = await scheduler.analyses.GetAnalysis(pb.GetAnalysisRequest(conversation_id="debate-1"))

    assert (analysis.conversation_id, analysis.job_id) == ("debate-1", "ai-1")
    assert analysis.result.turn_count == 4
    assert analysis.update_time.seconds > 0


async def test_analyses_are_listed_without_their_results(scheduler: Served, client: redis.Redis) -> None:
    for i in range(3):
        _keep_analysis(client, f"debate-{i}", i)

    first = await scheduler.analyses.ListAnalyses(pb.ListAnalysesRequest(page_size=2))
    second = await scheduler.analyses.ListAnalyses(
        pb.ListAnalysesRequest(page_size=2, page_token=first.next_page_token)
    )

    listed = [*first.analyses, *second.analyses]
    assert sorted(analysis.conversation_id for analysis in listed) == ["debate-0", "debate-1", "debate-2"]
    assert not any(analysis.HasField("result") for analysis in listed)
    assert second.next_page_token == ""


async def test_an_unknown_analysis_is_not_found(scheduler: Served) -> None:
    refused = await refusal(scheduler.analyses.GetAnalysis(pb.GetAnalysisRequest(conversation_id="none")))

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "ANALYSIS_NOT_FOUND")


async def test_kept_insights_are_read_with_where_they_came_from(
    scheduler: Served, client: redis.Redis
) -> None:
    body = pb.LearningInsights(participant_id="ines", cohort_size=3).SerializeToString()
    keep = put_document(NAMESPACE, INSIGHTS, "default", "ines", body=body, job_id="da-1", attempt=1)
    assert SyncRunner(client).run(keep) > 0

    insights = await scheduler.analyses.GetInsights(pb.GetInsightsRequest(participant_id="ines"))
    refused = await refusal(scheduler.analyses.GetInsights(pb.GetInsightsRequest(participant_id="marek")))

    assert (insights.participant_id, insights.job_id, insights.result.cohort_size) == ("ines", "da-1", 3)
    assert insights.update_time.seconds > 0
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "INSIGHTS_NOT_FOUND")
