"""Where the store is: what the variables mean together, and which contradict each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.settings import Address, Cluster, Environment, Sentinels, SettingsError, StoreSettings
from common.store.durability import Durability


def read(variables: dict[str, str]) -> StoreSettings:
    environment = Environment(variables)
    settings = StoreSettings.read(environment)
    environment.check()
    return settings


def problems(variables: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(variables)
    return [problem.variable for problem in caught.value.problems]


def test_sentinels_name_the_server_and_the_rest_says_how_it_is_reached() -> None:
    settings = read(
        {
            "REDIS_SENTINELS": "s1:26379, s2:26380,[::1]:26379",
            "REDIS_SENTINEL_MASTER": "jobs",
            "REDIS_SENTINEL_USERNAME": "watcher",
            "REDIS_SENTINEL_PASSWORD": "theirs",
            "REDIS_USERNAME": "worker",
            "REDIS_PASSWORD": "p@ss/w",
            "REDIS_DB": "2",
            "REDIS_TLS": "true",
        }
    )

    addresses = (Address("s1", 26379), Address("s2", 26380), Address("[::1]", 26379))
    assert settings.where == Sentinels(addresses, "jobs", "watcher", "theirs")
    assert settings.is_tls
    assert settings.redis_url.startswith("rediss://worker:p%40ss%2Fw@")
    assert settings.redis_url.endswith("/2")
    assert "p%40ss" not in repr(settings)
    assert "theirs" not in repr(settings)


def test_a_cluster_is_met_at_its_nodes_or_at_the_server_of_the_url() -> None:
    nodes = read({"REDIS_CLUSTER": "true", "REDIS_CLUSTER_NODES": "n1:7000,n2:7000"})
    url = read({"REDIS_CLUSTER": "yes", "REDIS_URL": "redis://n1:7000"})

    assert nodes.where == Cluster((Address("n1", 7000), Address("n2", 7000)))
    assert (url.where, url.redis_url) == (Cluster(()), "redis://n1:7000")


def test_a_login_that_stands_apart_goes_into_a_url_without_one() -> None:
    apart = {"REDIS_USERNAME": "worker", "REDIS_PASSWORD": "secret"}

    assert read({"REDIS_URL": "redis://store:1/0", **apart}).redis_url == "redis://worker:secret@store:1/0"
    assert read({"REDIS_URL": "redis://:own@store:1/0", **apart}).redis_url == "redis://:own@store:1/0"
    assert read({"REDIS_HOST": "store", **apart}).redis_url == "redis://worker:secret@store:6379/0"


@pytest.mark.parametrize(
    ("variables", "wrong"),
    [
        ({"REDIS_SENTINELS": "s1:1"}, ["REDIS_SENTINEL_MASTER"]),
        ({"REDIS_SENTINEL_MASTER": "jobs"}, ["REDIS_SENTINEL_MASTER"]),
        ({"REDIS_SENTINEL_PASSWORD": "secret"}, ["REDIS_SENTINEL_PASSWORD"]),
        ({"REDIS_SENTINELS": "s1", "REDIS_SENTINEL_MASTER": "jobs"}, ["REDIS_SENTINELS"]),
        (
            {"REDIS_SENTINELS": "s1:1", "REDIS_SENTINEL_MASTER": "jobs", "REDIS_URL": "redis://x"},
            ["REDIS_URL"],
        ),
        (
            {"REDIS_SENTINELS": "s1:1", "REDIS_SENTINEL_MASTER": "jobs", "REDIS_CLUSTER": "true"},
            ["REDIS_CLUSTER"],
        ),
        ({"REDIS_CLUSTER_NODES": "n1:1"}, ["REDIS_CLUSTER_NODES"]),
        ({"REDIS_CLUSTER": "perhaps"}, ["REDIS_CLUSTER"]),
        ({"REDIS_CLUSTER": "true", "REDIS_URL": "redis://n1:1/3"}, ["REDIS_URL"]),
        ({"REDIS_CLUSTER": "true", "REDIS_URL": "unix:///run/valkey.sock"}, ["REDIS_URL"]),
        ({"REDIS_CLUSTER": "true", "REDIS_HOST": "n1", "REDIS_DB": "3"}, ["REDIS_DB"]),
        ({"REDIS_URL": "redis://store", "REDIS_TLS": "true"}, ["REDIS_TLS"]),
        ({"REDIS_TLS": "true", "REDIS_TLS_CA_FILE": "/nowhere"}, ["REDIS_TLS_CA_FILE"]),
        ({"STORE_DURABILITY": "sometimes"}, ["STORE_DURABILITY"]),
        ({"STORE_DURABLE_REPLICAS": "-1"}, ["STORE_DURABLE_REPLICAS"]),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(variables: dict[str, str], wrong: list[str]) -> None:
    assert problems(variables) == wrong


def test_a_refusal_shows_no_login(tmp_path: Path) -> None:
    variables = {
        "REDIS_SENTINELS": "s1:1",
        "REDIS_URL": "redis://:secret@x",
        "REDIS_SENTINEL_PASSWORD": "hush",
    }
    with pytest.raises(SettingsError) as caught:
        read(variables)
    assert "secret" not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_tls_files_need_tls_and_one_another(tmp_path: Path) -> None:
    file = tmp_path / "file.pem"
    file.write_text("-")
    ca, certificate, key = "REDIS_TLS_CA_FILE", "REDIS_TLS_CERT_FILE", "REDIS_TLS_KEY_FILE"

    settings = read({"REDIS_URL": "rediss://store", ca: str(file), certificate: str(file), key: str(file)})

    assert (settings.tls.ca_file, settings.tls.certificate_file, settings.tls.key_file) == (file,) * 3
    assert problems({"REDIS_URL": "redis://store", ca: str(file)}) == [ca]
    assert problems({"REDIS_URL": "rediss://store", certificate: str(file)}) == [key]
    assert problems({"REDIS_TLS": "true", key: str(file)}) == [certificate]


def test_durability_is_asked_for_by_name() -> None:
    assert read({}).durability == Durability()
    assert not read({}).durability.waits
    assert read({"STORE_DURABILITY": "always"}).durability == Durability(on_disk=True)
    replicas = read({"STORE_DURABILITY": "always", "STORE_DURABLE_REPLICAS": "1"}).durability
    assert replicas == Durability(on_disk=True, replicas=1)
    assert replicas.waits
