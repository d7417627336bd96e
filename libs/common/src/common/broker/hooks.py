"""The hooks that some middleware has of its own. Most of Dramatiq's do nothing, and are not called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from dramatiq.broker import Broker
from dramatiq.middleware import Middleware, MiddlewareError

from common.broker.follow_ups import FollowUps
from common.broker.message import JobMessage

#: Signals after which a job is about to end.
_ENDINGS: Final = frozenset({"process_message", "skip_message"})


class Hooks:
    """Looks a hook's implementations up once, and anew when middleware was added or removed.

    Args:
        middleware: The broker's own list, which it may change.
    """

    def __init__(self, middleware: list[Middleware] | None = None) -> None:
        self._middleware = middleware if middleware is not None else []
        self._before: dict[str, list[Callable[..., None]]] = {}
        self._after: dict[str, list[Callable[..., None]]] = {}
        self._looked_at: list[Middleware] = []

    def before(self, signal: str) -> list[Callable[..., None]]:
        """Return what is called before a step such as "ack", in the order of the middleware."""
        self._look_at_middleware()
        hooks = self._before.get(signal)
        if hooks is None:
            hooks = self._before[signal] = self._named(f"before_{signal}")
        return hooks

    def after(self, signal: str) -> list[Callable[..., None]]:
        """Return what is called after a step, in the order of the calls: the last middleware first."""
        self._look_at_middleware()
        hooks = self._after.get(signal)
        if hooks is None:
            hooks = self._after[signal] = self._named(f"after_{signal}")[::-1]
        return hooks

    def _look_at_middleware(self) -> None:
        if self._looked_at != self._middleware:
            self._before, self._after, self._looked_at = {}, {}, list(self._middleware)

    def _named(self, name: str) -> list[Callable[..., None]]:
        nothing: Any = getattr(Middleware, name, None)
        own = [one for one in self._middleware if getattr(type(one), name, None) is not nothing]
        return [getattr(one, name) for one in own]


class HookedBroker(Broker):
    """A broker that calls the hooks of its middleware in this way."""

    def __init__(self, middleware: list[Middleware]) -> None:
        self._hooks = Hooks()
        self.follow_ups = FollowUps()
        super().__init__(middleware=middleware)
        self._hooks = Hooks(self.middleware)

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Call the hooks that some middleware has of its own; most of Dramatiq's do nothing."""
        for hook in self._hooks.before(signal):
            try:
                hook(self, *args, **kwargs)
            except MiddlewareError:
                raise
            except Exception:
                self.logger.critical("Unexpected failure in before_%s of %r.", signal, hook, exc_info=True)

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """As emit_before, in reverse order; nothing raised there goes further."""
        hooks = self._hooks.after(signal)
        if not hooks:
            return
        ending = signal in _ENDINGS and isinstance(args[0], JobMessage)
        if ending:
            self.follow_ups.begin(args[0].job)
        try:
            for hook in hooks:
                try:
                    hook(self, *args, **kwargs)
                except Exception:
                    self.logger.critical("Unexpected failure in after_%s of %r.", signal, hook, exc_info=True)
        finally:
            if ending:
                self.follow_ups.end()

    def hears_of(self, signal: str) -> bool:
        """Say whether some middleware has a hook of its own before or after a step such as "ack"."""
        return bool(self._hooks.before(signal) or self._hooks.after(signal))
