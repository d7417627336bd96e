"""docs/errors.md lists why attempts fail and why jobs go back to their queues, as the code has it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import analysis_worker.engines.openai.engine as _engine  # noqa: F401 - its own failures are subclasses too
from common.errors import StoreFull, StoreUnavailable
from common.job.model import ErrorClass
from common.job.retry import RULES
from common.provider.errors import ProviderFailure
from common.store.jobs import RELEASED_FOR, BlockerKind

ROOT = Path(__file__).parents[3]
SOURCES = [*(ROOT / "libs/common/src").rglob("*.py"), *(ROOT / "services").glob("*/src/**/*.py")]
FAILED, RELEASED = "Why an attempt failed", "Why a job went back to its queue"
NAME = re.compile(r"[A-Z]+(?:_[A-Z]+)*")
#: What makes a failure, and at which argument its reason stands; the class stands before it.
FAILURES = {"AttemptFailed": 1, "JobError": 1, "_refused": 0}
#: The class of a failure that is that of the call which failed.
AS_ITS_CALL = "as its call"
#: What gives a job back, likewise. A keyword `reason` counts too.
RELEASES = {"Release": 1, "left_to_others": 1, "snooze": 1, "_wait": 2, "wait": 0, "CallHeld": 0}
#: A provider's failures after which a model's part is the local engine's, whatever the job says.
LOCAL_IN_ANY_CASE = (ErrorClass.CONTENT_POLICY, ErrorClass.INVALID_OUTPUT, ErrorClass.INVALID_INPUT)
#: The places where a reason is none of their own, and what it is.
PASSED_ON = {
    ("children.py", "reason"): "an AttemptFailed of the child process",
    ("committer.py", "error.reason"): "store",
    ("failures.py", "reason"): "the name of an exception",
    ("giving_up.py", "error.reason"): "provider",
    ("giving_up.py", "reason"): "what _refused is given",
    ("jobs.py", "error.reason"): "told again",
    ("middleware.py", "''.join(('_' + c if c.isupper() else c for c in name)).lstrip('_').upper()"): (
        "the name of an exception"
    ),
    ("middleware.py", "shown(exception.reason, REASON_LENGTH)"): "an AttemptFailed",
    ("spelling.py", "body.get('reason', '')"): "read back",
    ("analyses.py", "error.reason"): "store",
    ("store.py", "error.reason"): "store",
}


def calls(names: Mapping[str, int]) -> Iterator[tuple[Path, ast.Module, ast.Call, ast.expr]]:
    """Yield the calls of some functions, each with the argument that is its reason."""
    for path in SOURCES:
        text = path.read_text("utf-8")
        if not any(f"{name}(" in text for name in names):
            continue
        tree = ast.parse(text)
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call):
                continue
            name = str(getattr(call.func, "id", None) or getattr(call.func, "attr", ""))
            if name not in names or (name == "_refused" and path.name != "giving_up.py"):
                continue
            given = [each.value for each in call.keywords if each.arg == "reason"]
            given += call.args[names[name] : names[name] + 1]
            if given:
                yield path, tree, call, given[0]


def constant(tree: ast.Module, value: ast.expr) -> str | None:
    """Return a string, also where a constant of the module names it."""
    if isinstance(value, ast.Constant):
        return value.value if isinstance(value.value, str) else None
    for each in tree.body:
        if (
            isinstance(each, ast.AnnAssign)
            and isinstance(each.value, ast.Constant)
            and ast.unparse(each.target) == ast.unparse(value)
        ):
            return str(each.value.value)
    return None


def class_of(failure: ast.Call) -> str:
    """Return the class that a failure is made with; `_refused` knows but one."""
    if ast.unparse(failure.func) == "_refused":
        return "INVALID_INPUT"
    if ast.unparse(failure.args[0]) == "error.error_class":
        return AS_ITS_CALL
    named, is_one, of_them = ast.unparse(failure.args[0]).rpartition("ErrorClass.")
    return of_them if is_one and not named else "as simulated"


def failures() -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return (reason, class) of failures, and (file, expression) of those that are passed on."""
    found, passed_on = set(), set()
    for path, tree, call, reason in calls(FAILURES):
        told = constant(tree, reason)
        if told is None:
            passed_on.add((path.name, ast.unparse(reason)))
            continue
        found.add((told, class_of(call)))
    return found, passed_on


def leaves(root: type[ProviderFailure] = ProviderFailure) -> Iterator[type[ProviderFailure]]:
    for child in root.__subclasses__():
        yield child
        yield from leaves(child)


def rows(heading: str) -> Iterator[list[str]]:
    """Yield the cells of the tables below a heading."""
    document = (ROOT / "docs/errors.md").read_text("utf-8")
    section = document.split(f"## {heading}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_every_reason_of_an_attempt_is_documented_with_its_class_and_no_other_is() -> None:
    actual, _ = failures()
    actual |= {(error.reason, "TRANSIENT") for error in (StoreUnavailable, StoreFull)}
    actual |= {
        (failure.reason, failure.error_class.value)
        for failure in leaves()
        if failure.error_class not in LOCAL_IN_ANY_CASE
    }
    lost = (ROOT / "libs/common/src/common/store/lua/reclaim.lua").read_text("utf-8")
    actual |= set(re.findall(r'"class":"(?P<c>[A-Z_]+)","reason":"(?P<r>[A-Z_]+)"', lost))
    documented = [(cells[0].strip("`"), cells[2].strip("`")) for cells in rows(FAILED)]
    assert sorted(documented) == sorted(actual)
    assert all(NAME.fullmatch(reason) for reason, _ in documented)
    assert {told for _, told in documented} <= {*ErrorClass.__members__, "as simulated", AS_ITS_CALL}


def test_a_reason_comes_from_a_known_place() -> None:
    _, passed_on = failures()
    assert passed_on == set(PASSED_ON)


def test_every_reason_of_a_release_is_documented_with_its_blocker_and_no_other_is() -> None:
    told = {constant(tree, reason) for _, tree, _, reason in calls(RELEASES)}
    actual = {reason for reason in told if reason and NAME.fullmatch(reason)} | set(RELEASED_FOR)
    actual |= {StoreUnavailable.reason, StoreFull.reason}
    # A failure that costs no attempt has its class for a reason; a lost worker is none of those.
    unspent = {each.value for each, rule in RULES.items() if not rule.spends_attempt}
    actual |= unspent - {ErrorClass.WORKER_LOST.value}
    documented = [
        (reason, cells[2].strip("`"))
        for cells in rows(RELEASED)
        for reason in re.findall(r"`(\w+)`", cells[0])
    ]
    assert sorted(documented) == sorted(
        (reason, RELEASED_FOR.get(reason, BlockerKind.SNOOZED).value) for reason in actual
    )


@pytest.mark.parametrize("heading", [FAILED, RELEASED])
def test_each_row_is_whole(heading: str) -> None:
    read = list(rows(heading))
    assert read
    assert all(len(cells) == 4 and all(cells) for cells in read)
