"""Resume tokens: where a watch got to, readable by any replica.

Base64url of a JSON list: version, job id, stream entry, line, epoch. It grants nothing, so it is not
sealed: the job is looked up for the caller's tenant as for a new watch.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

import orjson

from common.errors import InvalidResumeToken
from scheduler.watch.position import Position

_VERSION: Final = 1
_FIELD: Final = "resume_token"


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """A place in a job's events. In another epoch it means nothing."""

    job_id: str
    position: Position
    epoch: str

    def encode(self) -> str:
        place = self.position
        body = orjson.dumps([_VERSION, self.job_id, place.entry_id, place.line, self.epoch])
        return base64.urlsafe_b64encode(body).decode().rstrip("=")


def decode(token: str, job_id: str) -> ResumeToken:
    """Read a token of a watch on `job_id`.

    Raises:
        InvalidResumeToken: It is no token, or of another job.
    """
    try:
        body = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        version, of_job, entry_id, line, epoch = orjson.loads(body)
        if version != _VERSION or type(line) is not int or not isinstance(epoch, str):
            raise ValueError("not of this version")
        position = Position.of(entry_id, line)
    except (binascii.Error, ValueError, TypeError):
        raise InvalidResumeToken(_FIELD, "is not a resume token; watch again without one") from None
    if of_job != job_id:
        raise InvalidResumeToken(_FIELD, "is of another job; watch again without one")
    return ResumeToken(job_id, position, epoch)
