"""Notes with conversations what is asked about them, before it is asked, so that answers go with them."""

from __future__ import annotations

import logging

from analysis_worker.paid.port import Call
from analysis_worker.paid.steady import Steady
from analysis_worker.sources.port import not_found
from common.errors import JobsError
from common.job.failure import AttemptFailed
from common.store.erasure import KeptUnder, forget_answers, note_answer

_log = logging.getLogger(__name__)


class Notes:
    """Notes answers with conversations.

    Args:
        keep_ms: How long an answer is kept; 0: none is, and none is noted.
        kept_elsewhere: Conversations are not in this store, so that nothing here tells whether one is gone.
    """

    def __init__(self, store: Steady, namespace: str, *, keep_ms: int, kept_elsewhere: bool = False) -> None:
        self._store = store
        self._namespace = namespace
        self._keep_ms = keep_ms
        self._kept_elsewhere = kept_elsewhere

    async def note(self, call: Call, answer_id: str) -> None:
        """Note the answer to a call that is about to be asked for.

        Raises:
            AttemptFailed: INVALID_INPUT if a conversation is gone: nothing is asked about it any more.
            StoreUnavailable: Or StoreFull.
        """
        answer = KeptUnder(call.provider, call.model, answer_id)
        for conversation_id in call.conversation_ids if self._keep_ms else ():
            noted = await self._store.run(
                note_answer(
                    self._namespace,
                    call.tenant,
                    conversation_id,
                    answer,
                    keep_ms=self._keep_ms,
                    kept_elsewhere=self._kept_elsewhere,
                )
            )
            if noted is None:
                raise not_found(conversation_id)
            for one in noted.gave_way:
                await self._store.run(forget_answers(one.keys(self._namespace), [one.answer_id]))

    async def see_off(self, call: Call, answer_id: str) -> None:
        """Forget an answer that has just been kept, if a conversation that it is about went meanwhile.

        The caller gets it all the same: it is paid for. If the store is away, or conversations are kept
        elsewhere, the erasure finds it later.
        """
        if self._kept_elsewhere:
            return
        try:
            await self.note(call, answer_id)
        except AttemptFailed:
            kept = KeptUnder(call.provider, call.model, answer_id).keys(self._namespace)
            await self._store.insist(forget_answers(kept, [answer_id]))
        except JobsError as error:
            _log.warning("it was not looked whether a conversation is still there: %s", error.reason)
