"""Where a client connects and how it shows who it is: checked when it is made, in words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bothsides_client.addresses import target_of
from bothsides_client.client import Client
from bothsides_client.errors import BadSetting
from bothsides_client.security import Tls, Token, TokenFile


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("scheduler:50051", "scheduler:50051"),
        ("10.0.0.1:1", "10.0.0.1:1"),
        (["10.0.0.1:1"], "10.0.0.1:1"),
        ("dns:///scheduler.jobs:50051", "dns:///scheduler.jobs:50051"),
        ("unix:/run/scheduler", "unix:/run/scheduler"),
        ("10.0.0.1:1, 10.0.0.2:2,", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("localhost:1,127.0.0.1:2", "ipv4:127.0.0.1:1,127.0.0.1:2"),
        (["[::1]:1", "[fd00::2]:2"], "ipv6:[::1]:1,[fd00::2]:2"),
    ],
)
def test_addresses_become_a_target(given: str | list[str], target: str) -> None:
    assert target_of(given) == target


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "no address"),
        (" , ", "no address"),
        ("scheduler", "must be host:port"),
        (":50051", "must be host:port"),
        ("scheduler:zero", "must be host:port"),
        ("scheduler:65536", "must be host:port"),
        ("a:1,b:2", "'a:1' is a name: several addresses must be numbers"),
        ("10.0.0.1:1,[::1]:1", "all IPv4 or all IPv6"),
    ],
)
def test_a_bad_address_is_named(given: str, words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        Client(given)


def test_a_token_goes_with_each_call() -> None:
    assert Token("secret").metadata() == (("authorization", "Bearer secret"),)


def test_a_token_that_no_header_can_carry_is_refused_and_not_shown() -> None:
    with pytest.raises(BadSetting) as raised:
        Client(token="secret\nx-other: 1")
    assert "secret" not in str(raised.value)


def test_a_tokens_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """Given a mounted secret, when it is replaced by renaming, then the next call has the new one."""
    file, new = tmp_path / "token", tmp_path / "new"
    file.write_text("first\n")
    source = TokenFile(file)
    assert source.metadata() == Token("first").metadata()
    new.write_text("other\n")
    new.rename(file)
    assert source.metadata() == Token("other").metadata()


def test_the_last_token_is_used_while_its_file_is_away_or_empty(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    source = TokenFile(file)
    file.unlink()
    assert source.metadata() == Token("first").metadata()
    file.write_text("")
    assert source.metadata() == Token("first").metadata()
    file.write_text("second")
    os.utime(file, ns=(1, 1))
    assert source.metadata() == Token("second").metadata()


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text(" \n")
    for path, words in ((tmp_path / "none", "No such file"), (empty, "is empty"), (tmp_path, "directory")):
        with pytest.raises(BadSetting, match=words):
            TokenFile(path)
    with pytest.raises(BadSetting, match=r"the CA file .*none cannot be read"):
        Client(tls=Tls(ca_file=tmp_path / "none"))
    with pytest.raises(BadSetting, match="give both files, or neither"):
        Client(tls=Tls(certificate_file=empty))
