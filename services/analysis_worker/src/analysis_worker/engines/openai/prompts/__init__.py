"""The prompts: a file each, with its version and what changed, read once.

What a model is told before it sees a debate is the same, byte for byte, for all debates: the provider's
cache then takes it at a tenth of the price.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from analysis_worker.domain.provenance import PromptVersion

_FENCE: Final = "---\n"


class PromptInvalid(ValueError):
    """A prompt's file has no front matter with name, version and changelog."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands in a file."""

    name: str
    version: int
    #: What changed, by version.
    changelog: tuple[tuple[int, str], ...]
    text: str
    #: The prompt that stands before it.
    rules: str = "rules"


@cache
def prompt(name: str) -> Prompt:
    """Return a prompt of this folder.

    Raises:
        PromptInvalid: Its front matter is wrong.
    """
    return read_prompt(resources.files(__name__).joinpath(f"{name}.md").read_text("utf-8"))


def read_prompt(source: str) -> Prompt:
    """Return the prompt that a file's text holds; raises PromptInvalid."""
    _, fence, rest = source.partition(_FENCE)
    matter, end, text = rest.partition(_FENCE)
    fields: dict[str, str] = {}
    changes: list[tuple[int, str]] = []
    for line in matter.splitlines():
        key, colon, value = line.partition(":")
        if key.startswith("  - ") and colon and key[4:].isdecimal():
            changes.append((int(key[4:]), value.strip()))
        elif colon:
            fields[key] = value.strip()
    version = fields.get("version", "")
    if not (fence and end and fields.get("name") and version.isdecimal() and text.strip()):
        raise PromptInvalid("a prompt begins with front matter: name, version, changelog")
    if int(version) not in {number for number, _ in changes}:
        raise PromptInvalid(f"{fields['name']}: the changelog has no entry for version {version}")
    return Prompt(fields["name"], int(version), tuple(changes), text.strip(), fields.get("rules", "rules"))


def all_texts() -> tuple[str, ...]:
    """Return what stands in all prompts of this folder."""
    files = (file for file in resources.files(__name__).iterdir() if file.name.endswith(".md"))
    return tuple(prompt(file.name.removesuffix(".md")).text for file in sorted(files, key=str))


def system_text(name: str) -> str:
    """Return what the model is told about a dimension; the same for every debate."""
    asked = prompt(name)
    return f"{prompt(asked.rules).text}\n\n{asked.text}"


def cache_key(name: str) -> str:
    """Return the key under which the provider may cache the beginning of all requests for a dimension."""
    asked = prompt(name)
    return f"bothsides-{name}-{prompt(asked.rules).version}.{asked.version}"


def prompt_versions(*names: str) -> tuple[PromptVersion, ...]:
    """Return the prompts that requests of these names are made of, in their order, each once."""
    parts = [part for name in names for part in (prompt(prompt(name).rules), prompt(name))]
    return tuple(dict.fromkeys(PromptVersion(part.name, part.version) for part in (*parts, prompt("repair"))))


def prompt_sha256(name: str) -> str:
    """Return the digest of all that stands in our words in requests for a dimension."""
    return hashlib.sha256(f"{system_text(name)}\n\n{prompt('repair').text}".encode()).hexdigest()
