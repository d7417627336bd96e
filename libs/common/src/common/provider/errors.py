"""Failures of a call to a provider, each with what follows from it.

    ProviderFailure            error class       reason                  against the provider
    ├── RateLimited            RATE_LIMITED      RATE_LIMITED            no: the queue waits
    ├── QuotaExhausted         QUOTA_EXHAUSTED   QUOTA_EXHAUSTED         opens the circuit at once
    ├── AuthenticationFailed   AUTHENTICATION    AUTHENTICATION_FAILED   opens the circuit at once
    ├── ModelNotFound          AUTHENTICATION    MODEL_NOT_FOUND         opens the circuit at once
    ├── Timeout                TIMEOUT           PROVIDER_TIMEOUT        counts
    ├── ConnectionFailed       TRANSIENT         CONNECTION_FAILED       counts
    ├── ServerFailed           TRANSIENT         PROVIDER_FAILED         counts
    ├── ContextTooLong         INVALID_INPUT     CONTEXT_TOO_LONG        no
    ├── RequestInvalid         INVALID_INPUT     REQUEST_INVALID         no
    ├── ContentRefused         CONTENT_POLICY    CONTENT_REFUSED         no
    ├── Refused                CONTENT_POLICY    MODEL_REFUSED           no
    ├── OutputTruncated        INVALID_OUTPUT    OUTPUT_TRUNCATED        no
    └── InvalidOutput          INVALID_OUTPUT    OUTPUT_INVALID          no

No message quotes a prompt or an answer.
"""

from __future__ import annotations

from typing import ClassVar

from common.job.model import ErrorClass
from common.provider.limits import NOTHING_TOLD, Told


class ProviderFailure(Exception):
    """A call that brought no answer that can be used."""

    error_class: ClassVar[ErrorClass] = ErrorClass.TRANSIENT
    reason: ClassVar[str] = "PROVIDER_FAILED"
    #: It speaks against the provider: the circuit counts it, or opens at once.
    opens_circuit: ClassVar[bool] = False
    #: The provider was at work, and may charge for it.
    may_be_paid: ClassVar[bool] = False

    def __init__(
        self,
        message: str = "",
        *,
        retry_after_ms: int | None = None,
        reset_ms: int | None = None,
        told: Told = NOTHING_TOLD,
    ) -> None:
        super().__init__(message or self.reason)
        #: How long the provider asked to wait; None if it did not.
        self.retry_after_ms = retry_after_ms
        #: When its quota is renewed, in ms from now; None if it did not say.
        self.reset_ms = reset_ms
        #: What its headers say of the provider's limits.
        self.told = told
        #: The provider answers nobody, and may be asked again then (Unix ms). None: it does, or nobody knows.
        #: Set by who made the call, as a call alone does not show it.
        self.away_until_ms: int | None = None
        #: The provider answers others, and has failed at this request again and again; set likewise.
        self.own_fault = False


class RateLimited(ProviderFailure):
    """More was sent than the provider takes in a minute."""

    error_class = ErrorClass.RATE_LIMITED
    reason = "RATE_LIMITED"


class QuotaExhausted(ProviderFailure):
    """The account has no money or no quota left."""

    error_class = ErrorClass.QUOTA_EXHAUSTED
    reason = "QUOTA_EXHAUSTED"
    opens_circuit = True


class AuthenticationFailed(ProviderFailure):
    """The key is wrong, or may not do this."""

    error_class = ErrorClass.AUTHENTICATION
    reason = "AUTHENTICATION_FAILED"
    opens_circuit = True


class ModelNotFound(ProviderFailure):
    """The provider has no such model, or not for this key."""

    error_class = ErrorClass.AUTHENTICATION
    reason = "MODEL_NOT_FOUND"
    opens_circuit = True


class Timeout(ProviderFailure):
    """No answer came in time."""

    error_class = ErrorClass.TIMEOUT
    reason = "PROVIDER_TIMEOUT"
    opens_circuit = True
    may_be_paid = True


class ConnectionFailed(ProviderFailure):
    """No connection, or it broke."""

    error_class = ErrorClass.TRANSIENT
    reason = "CONNECTION_FAILED"
    opens_circuit = True


class ServerFailed(ProviderFailure):
    """The provider, or what stands before it, failed."""

    error_class = ErrorClass.TRANSIENT
    reason = "PROVIDER_FAILED"
    opens_circuit = True


class ContextTooLong(ProviderFailure):
    """The request is longer than the model's context."""

    error_class = ErrorClass.INVALID_INPUT
    reason = "CONTEXT_TOO_LONG"


class RequestInvalid(ProviderFailure):
    """The provider does not take the request as it is: a parameter, or the schema."""

    error_class = ErrorClass.INVALID_INPUT
    reason = "REQUEST_INVALID"


class ContentRefused(ProviderFailure):
    """The provider's content filter struck, on the way in or out."""

    error_class = ErrorClass.CONTENT_POLICY
    reason = "CONTENT_REFUSED"


class Refused(ProviderFailure):
    """The model said that it will not."""

    error_class = ErrorClass.CONTENT_POLICY
    reason = "MODEL_REFUSED"


class OutputTruncated(ProviderFailure):
    """The answer reached its most tokens before its end."""

    error_class = ErrorClass.INVALID_OUTPUT
    reason = "OUTPUT_TRUNCATED"


class InvalidOutput(ProviderFailure):
    """The answer is not what was asked for."""

    error_class = ErrorClass.INVALID_OUTPUT
    reason = "OUTPUT_INVALID"
