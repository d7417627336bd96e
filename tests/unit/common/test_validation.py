"""The contract's rules: which path a violation names, and that it never repeats the value."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from bothsides.jobs import v1 as pb
from common.errors import InvalidFields
from common.rpc.validation import ALL_VIOLATIONS_BYTES, validate


def violations(message: Message, prefix: str = "") -> dict[str, str]:
    with pytest.raises(InvalidFields) as caught:
        validate(message, prefix)
    return dict(caught.value.violations)


def generic_job(**fields: object) -> pb.Job:
    return pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec(actor="tidy_up")), **fields)  # type: ignore[arg-type]


def test_a_message_that_follows_the_rules_passes() -> None:
    validate(pb.CreateJobRequest(job=generic_job(labels={"team": "blue"}), request_id="r-1"))


def test_a_path_goes_through_messages_and_oneofs() -> None:
    request = pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec(actor="7 dwarfs"))))

    assert list(violations(request)) == ["job.spec.generic.actor"]


def test_a_path_names_the_index_of_a_repeated_field() -> None:
    conversation = pb.Conversation(
        conversation_id="c",
        turns=[pb.Turn(turn_id="1", participant_id="a"), pb.Turn(turn_id="2", participant_id="")],
    )

    assert list(violations(pb.PutConversationRequest(conversation=conversation))) == [
        "conversation.turns[1].participant_id"
    ]


def test_a_path_names_the_key_of_a_map_and_whether_key_or_value_is_wrong() -> None:
    found = violations(pb.CreateJobRequest(job=generic_job(labels={"UP": "x", "low": "v" * 64})))

    assert set(found) == {'job.labels["UP"]', 'job.labels["low"]'}
    assert found['job.labels["UP"]'].startswith("the key ")
    assert not found['job.labels["low"]'].startswith("the key ")


def test_a_oneof_that_is_not_set_is_named_as_one() -> None:
    assert list(violations(pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec())))) == ["job.spec.kind"]


def test_all_violations_are_reported_together() -> None:
    request = pb.CreateJobRequest(job=generic_job(labels={"UP": "x"}), request_id="with space")
    request.job.timeout.FromMilliseconds(1)

    assert set(violations(request)) == {'job.labels["UP"]', "request_id", "job.timeout"}


def test_a_prefix_says_which_item_of_a_batch_it_was() -> None:
    assert list(violations(pb.CreateJobRequest(), "requests[3]")) == ["requests[3].job"]


def test_the_items_of_a_batch_are_left_to_be_validated_one_by_one() -> None:
    validate(pb.CreateJobsRequest(requests=[pb.CreateJobRequest()]))

    assert list(violations(pb.CreateJobsRequest())) == ["requests"]


def test_the_value_is_never_repeated() -> None:
    hidden = "my private words"
    request = pb.CreateJobRequest(
        job=pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec(actor=hidden)), labels={"team": hidden * 5}),
        request_id=hidden,
    )

    with pytest.raises(InvalidFields) as caught:
        validate(request)

    assert len(caught.value.violations) == 3
    assert hidden not in str(caught.value)
    assert hidden not in repr(caught.value.violations)


def test_a_long_key_is_cut_in_the_path() -> None:
    [path] = violations(pb.CreateJobRequest(job=generic_job(labels={"K" * 10_000: "x"})))

    assert len(path) < 100


def test_a_large_message_stops_at_its_first_violation() -> None:
    """Each violation costs time on the event loop, and a large message can hold very many."""
    conversation = pb.Conversation(conversation_id="c", turns=[pb.Turn(text="so") for _ in range(9_000)])
    request = pb.PutConversationRequest(conversation=conversation)

    assert request.ByteSize() > ALL_VIOLATIONS_BYTES
    assert list(violations(request)) == ["conversation.turns[0].turn_id"]
