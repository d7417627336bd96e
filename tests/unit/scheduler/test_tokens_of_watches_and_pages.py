"""Resume tokens and page tokens: what they carry, and what they refuse."""

from __future__ import annotations

from itertools import pairwise

import pytest
import redis.asyncio
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidPageToken, InvalidResumeToken
from scheduler.deployment import Deployment
from scheduler.paging import PageTokens, page_size_of
from scheduler.watch.position import Position
from scheduler.watch.token import ResumeToken, decode

SIXTY_FOUR_BITS = st.integers(0, 2**64 - 1)


@given(
    job_id=st.text(max_size=200),
    milliseconds=SIXTY_FOUR_BITS,
    sequence=SIXTY_FOUR_BITS,
    line=st.integers(0, 9),
)
def test_a_resume_token_is_read_back_as_it_was_made(
    job_id: str, milliseconds: int, sequence: int, line: int
) -> None:
    token = ResumeToken(job_id, Position(milliseconds, sequence, line), "epoch.0")

    assert decode(token.encode(), job_id) == token


@given(st.text(max_size=80))
def test_any_other_text_is_refused_as_a_resume_token(text: str) -> None:
    with pytest.raises(InvalidResumeToken):
        decode(text, "ai-1")


def test_a_resume_token_of_another_job_is_refused() -> None:
    token = ResumeToken("ai-1", Position(1, 0, 0), "e").encode()

    with pytest.raises(InvalidResumeToken, match="another job"):
        decode(token, "ai-2")


def test_positions_are_in_the_order_of_the_stream() -> None:
    ordered = [Position(1, 0, 0), Position(1, 0, 1), Position.of("1-0"), Position(1, 1, 0), Position(2, 0, 0)]

    assert all(earlier < later for earlier, later in pairwise(ordered))


@pytest.mark.parametrize("entry_id", ["", "1", "-", "1-", "a-1", "1-1-1", f"{2**64}-0", " 1-0"])
def test_what_is_no_entry_id_is_no_position(entry_id: str) -> None:
    with pytest.raises(ValueError, match="64-bit"):
        Position.of(entry_id)


def _tokens(secret: str) -> PageTokens:
    """With a secret, the sealing key needs no store; this client would not reach one."""
    return PageTokens(Deployment(redis.asyncio.Redis(port=1), "test", secret=secret))


async def test_a_page_token_opens_only_for_the_list_it_was_sealed_for() -> None:
    tokens = _tokens("one secret")
    token = await tokens.seal(["uuid", 7], "jobs", "tenant", "filter")

    assert await tokens.open(token, "jobs", "tenant", "filter") == ["uuid", 7]
    for listed in (("jobs", "tenant", ""), ("jobs", "other", "filter"), ("jobs", "tenantfilter")):
        with pytest.raises(InvalidPageToken):
            await tokens.open(token, *listed)


async def test_a_page_token_of_another_deployment_is_refused() -> None:
    token = await _tokens("one secret").seal(["uuid"], "jobs")

    with pytest.raises(InvalidPageToken):
        await _tokens("another secret").open(token, "jobs")


@pytest.mark.parametrize("token", ["", "x", "====", "é", "A" * 22, "A" * 80])
async def test_any_other_text_is_refused_as_a_page_token(token: str) -> None:
    with pytest.raises(InvalidPageToken):
        await _tokens("one secret").open(token, "jobs")


@pytest.mark.parametrize(("asked", "given_"), [(0, 50), (1, 1), (500, 500), (501, 500), (2**31 - 1, 500)])
def test_a_page_size_is_defaulted_and_capped(asked: int, given_: int) -> None:
    assert page_size_of(asked) == given_
