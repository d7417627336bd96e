"""A request's text; and its estimate: of its parts, which are estimated once, and not below the whole's."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.engines.openai.request import Message, ModelRequest, request_of
from analysis_worker.engines.openai.tone import ToneAnswer
from common.provider.models import DEFAULT_MODEL, ModelTable
from common.provider.tokens import estimate_tokens

CARD = ModelTable().card(DEFAULT_MODEL)


@given(st.lists(st.text(max_size=60) | st.text(alphabet='ab1_"\\\\.{}', max_size=60), max_size=4))
def test_the_parts_are_no_fewer_tokens_than_the_whole(contents: list[str]) -> None:
    messages = [Message("user", content) for content in contents]
    request = request_of(CARD, messages, ToneAnswer, output_tokens=100)
    assert request.input_tokens >= estimate_tokens(request.text)
    assert request.text == json.dumps(request.body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_the_parts_are_hardly_more_tokens_than_the_whole() -> None:
    turns = [{"speaker": "S1", "sentences": [{"id": "a1b2c3", "text": "We should wait."}]}] * 200
    messages = [Message("system", "Listen."), Message("user", json.dumps({"turns": turns}))]
    request = request_of(CARD, messages, ToneAnswer, output_tokens=100)
    whole = estimate_tokens(request.text)
    assert whole <= request.input_tokens <= whole + 40
    assert request_of(CARD, messages, ToneAnswer, output_tokens=100).input_tokens == request.input_tokens


def test_a_request_is_its_body_also_where_that_looks_like_an_empty_message() -> None:
    messages = [{"role": "user", "content": "We should wait."}]
    body = {"model": "m", "messages": messages, "max_completion_tokens": 1, "more": {"content": "", "n": 1}}
    assert json.loads(ModelRequest(body).text) == body
