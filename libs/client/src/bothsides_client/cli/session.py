"""What every command shares: where to connect, and whether to print JSON or for people.

Imports nothing heavy at the top, so that `--help` is quick; gRPC comes with the first call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from rich.console import Console

    from bothsides_client.client import Client

    MessageType = TypeVar("MessageType", bound=Message)

#: `--json` behind a subcommand; the same option before it works too.
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line, and nothing else.")]


class Priority(StrEnum):
    """Names of Job.Priority."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"
    BACKGROUND = "background"


class Duplicates(StrEnum):
    """Names of CreateJobRequest.DuplicatePolicy."""

    RUN = "run"
    USE_EXISTING = "use-existing"
    REJECT = "reject"
    REPLACE = "replace"


class DimensionName(StrEnum):
    """Names of Dimension."""

    TONE = "tone"
    TOPICS = "topics"
    ARGUMENTS = "arguments"
    LINGUISTICS = "linguistics"
    INTERACTION = "interaction"
    QUALITY = "quality"


class EngineName(StrEnum):
    """Names of TranscriptAnalysisSpec.Engine."""

    LOCAL = "local"
    OPENAI = "openai"


class WhenUnavailable(StrEnum):
    """Names of TranscriptAnalysisSpec.OnUnavailable."""

    DEGRADE = "degrade"
    FALLBACK = "fallback"
    WAIT = "wait"


class Format(StrEnum):
    """Names of transcript formats."""

    JSON = "json"
    VTT = "vtt"
    SRT = "srt"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """The options about TLS, as `security.Tls` takes them; apart from it, for that needs gRPC."""

    ca_file: Path | None
    certificate_file: Path | None
    key_file: Path | None
    server_name: str | None


@dataclass(frozen=True, slots=True)
class Session:
    """The global options of one run."""

    scheduler_addr: str
    monitor_addr: str
    #: Or the path of a file that holds it.
    token: str | Path | None
    tenant: str | None
    tls: TlsOptions | None
    json: bool

    def client(self, timeout_s: float = 10.0) -> Client:
        """Return a client of the services; it connects with its first call."""
        from bothsides_client.client import Client
        from bothsides_client.security import Tls

        tls = None
        if self.tls is not None:
            tls = Tls(self.tls.ca_file, self.tls.certificate_file, self.tls.key_file, self.tls.server_name)
        return Client(
            self.scheduler_addr,
            self.monitor_addr,
            token=self.token,
            tenant=self.tenant,
            tls=tls,
            timeout_s=timeout_s,
        )

    def show(self, message: MessageType, render: Callable[[MessageType, Console], None]) -> None:
        """Print one message as JSON, or as `render` does."""
        from bothsides_client.wire import json_line, print_raw

        console = out()
        if self.json:
            print_raw(console, json_line(message))
        else:
            render(message, console)

    def say(self, facts: Mapping[str, Any], words: str) -> None:
        """Print facts that are no message as a line of JSON, or the words for people."""
        from bothsides_client.wire import print_raw

        print_raw(out(), json.dumps(facts, separators=(",", ":")) if self.json else words)

    def show_all(
        self, messages: Iterable[MessageType], render: Callable[[Iterable[MessageType], Console], None]
    ) -> None:
        """Print many messages as JSON lines as they come, or together as `render` does."""
        from bothsides_client.wire import json_line, print_raw

        console = out()
        if not self.json:
            render(messages, console)
            return
        for message in messages:
            print_raw(console, json_line(message))


def session_from(options: Mapping[str, Any]) -> Session:
    """Return the session that the global options make."""
    files = {
        name: Path(options[name]) if options.get(name) else None
        for name in ("token_file", "ca_file", "cert_file", "key_file")
    }
    security = None
    if options.get("tls") or files["ca_file"] or files["cert_file"] or files["key_file"]:
        security = TlsOptions(
            files["ca_file"], files["cert_file"], files["key_file"], options.get("server_name")
        )
    return Session(
        scheduler_addr=options["scheduler"],
        monitor_addr=options["monitor"],
        token=options.get("token") or files["token_file"],
        tenant=options.get("as_tenant"),
        tls=security,
        json=bool(options.get("as_json")),
    )


def session_of(context: typer.Context, as_json: bool) -> Session:
    """Return the run's session, with JSON if it was asked for before or behind the subcommand."""
    session = context.find_object(Session)
    if session is None:
        raise RuntimeError("the command runs outside `bothsides`")
    return replace(session, json=session.json or as_json)


def out() -> Console:
    """Return standard output."""
    from rich.console import Console

    return Console(highlight=False)


def err() -> Console:
    """Return standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)
