"""Which action on hostile content holds, where the operator and a job name one."""

from __future__ import annotations

from itertools import product

import pytest

from common.content.rules import ContentAction, ContentRules
from common.settings import SchedulerSettings, SettingsError

ORDER = [ContentAction.FLAG, ContentAction.MASK, ContentAction.REFUSE]


@pytest.mark.parametrize(("ours", "theirs"), list(product(ORDER, ORDER)))
def test_the_stricter_holds_each_way(ours: ContentAction, theirs: ContentAction) -> None:
    stricter = ContentRules(ours, theirs).stricter(ContentRules(theirs, ours))
    expected = ORDER[max(ORDER.index(ours), ORDER.index(theirs))]
    assert stricter == ContentRules(expected, expected)


def test_flagging_is_the_default_and_others_are_named() -> None:
    assert SchedulerSettings.from_environment({}).content == ContentRules()
    chosen = SchedulerSettings.from_environment({"CONTENT_INPUT": "refuse", "CONTENT_OUTPUT": "mask"})
    assert chosen.content == ContentRules(ContentAction.REFUSE, ContentAction.MASK)
    with pytest.raises(SettingsError, match="CONTENT_OUTPUT='drop' must be one of FLAG, MASK, REFUSE"):
        SchedulerSettings.from_environment({"CONTENT_OUTPUT": "drop"})
