"""The hooks that some middleware has of its own. Most of Dramatiq's do nothing, and are not called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dramatiq.middleware import Middleware


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
