"""Log lines: JSON, with their context, and without payloads."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
from opentelemetry.sdk.trace import TracerProvider

from common.errors import JobNotFound
from common.logs import JsonFormatter, configure_logging, log_context

HIDDEN = "what Ana said in private"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where log lines go during the test; the root logger is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("INFO", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def read(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_time_level_logger_and_message(lines: io.StringIO) -> None:
    logging.getLogger("scheduler").info("took %d jobs\nin %s", 3, "one go")
    logging.getLogger("scheduler").debug("not at this level")

    [line] = read(lines)
    assert line["message"] == "took 3 jobs\nin one go"
    assert (line["level"], line["logger"]) == ("INFO", "scheduler")
    assert line["time"].endswith("Z")
    assert len(line["time"]) == len("2026-01-31T12:00:00.000Z")


@pytest.mark.parametrize(
    "library", ["openai._base_client", "httpx2", "httpcore2.http11", "grpc._cython.cygrpc"]
)
def test_what_libraries_tell_of_the_wire_is_not_shown_at_debug(lines: io.StringIO, library: str) -> None:
    configure_logging("DEBUG", stream=lines)
    logging.getLogger(library).debug("received headers: %s", [("retry-after", HIDDEN)])
    logging.getLogger(library).info("HTTP/1.1 200")
    logging.getLogger("scheduler").debug("ours")
    assert [line["message"] for line in read(lines)] == ["HTTP/1.1 200", "ours"]

    configure_logging("ERROR", stream=lines)
    logging.getLogger(library).warning("not at this level")
    assert len(read(lines)) == 2


def test_a_line_has_the_job_and_the_attempt_that_it_belongs_to(lines: io.StringIO) -> None:
    log = logging.getLogger("worker")
    with log_context(job_id="ai-1"):
        with log_context(attempt=2):
            log.info("inner")
        log.info("outer")
    log.info("outside")

    inner, outer, outside = read(lines)
    assert (inner["job_id"], inner["attempt"]) == ("ai-1", 2)
    assert "attempt" not in outer
    assert "job_id" not in outside


def test_a_line_has_the_trace_that_it_belongs_to(lines: io.StringIO) -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("work") as span:
        logging.getLogger("worker").info("in a trace")

    assert read(lines)[0]["trace_id"] == f"{span.get_span_context().trace_id:032x}"


def test_an_exception_shows_its_type_and_its_place_but_not_its_text(lines: io.StringIO) -> None:
    def parse() -> None:
        raise ValueError(HIDDEN)

    try:
        try:
            parse()
        except ValueError as error:
            raise RuntimeError(HIDDEN) from error
    except RuntimeError as error:
        logging.getLogger("worker").exception("failed with %s", error)

    [line] = read(lines)
    assert [error["type"] for error in line["error"]] == ["RuntimeError", "ValueError"]
    assert line["error"][1]["frames"][-1].endswith(" parse")
    assert line["message"] == "failed with RuntimeError"
    assert HIDDEN not in lines.getvalue()


def test_an_error_whose_text_is_ours_is_shown_with_it(lines: io.StringIO) -> None:
    try:
        raise ExceptionGroup("two", [JobNotFound("ai-1"), FileNotFoundError(2, "No such file", HIDDEN)])
    except ExceptionGroup:
        logging.getLogger("worker").exception("failed")

    types = [error["type"] for error in read(lines)[0]["error"]]
    assert types[0] == "ExceptionGroup"
    assert types[1].startswith("JobNotFound: no job 'ai-1'")
    assert types[2] == "FileNotFoundError: No such file"
    assert HIDDEN not in lines.getvalue()


def test_a_dramatiq_message_shows_its_actor_and_its_id_but_not_its_arguments(lines: io.StringIO) -> None:
    """Dramatiq logs whole messages when one fails."""
    message = dramatiq.Message[Any](
        "ai_analysis", "analyse", (HIDDEN,), {"text": HIDDEN}, {}, message_id="m-1"
    )

    logging.getLogger("dramatiq.worker").error("Failed to process message %s.", message)

    assert read(lines)[0]["message"] == "Failed to process message analyse[m-1]."
    assert HIDDEN not in lines.getvalue()


@pytest.mark.parametrize(
    ("message", "arguments"),
    [("%d jobs", ("three",)), ("%s and %s", ("one",)), ("odd \ud800 text", ()), ("%(x)s", ({"y": 1},))],
)
def test_a_line_that_cannot_be_formatted_is_still_a_line(message: str, arguments: tuple[object, ...]) -> None:
    record = logging.LogRecord("worker", logging.INFO, __file__, 1, message, arguments, None)

    line = json.loads(JsonFormatter().format(record))

    assert line["message"] == message.replace("\ud800", "?")


def test_warnings_become_lines(lines: io.StringIO) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("mind the gap", UserWarning, stacklevel=1)

    assert "mind the gap" in read(lines)[0]["message"]
