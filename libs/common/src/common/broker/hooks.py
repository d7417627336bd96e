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
        self._known: dict[str, list[Callable[..., None]]] = {}
        self._looked_at: list[Middleware] = []

    def named(self, name: str) -> list[Callable[..., None]]:
        """Return the implementations of a hook such as "before_ack", in the order of the middleware."""
        if self._looked_at != self._middleware:
            self._known, self._looked_at = {}, list(self._middleware)
        hooks = self._known.get(name)
        if hooks is None:
            nothing: Any = getattr(Middleware, name, None)
            own = [one for one in self._middleware if getattr(type(one), name, None) is not nothing]
            hooks = self._known[name] = [getattr(one, name) for one in own]
        return hooks
