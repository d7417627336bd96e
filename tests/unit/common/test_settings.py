"""Settings: what the variables mean, and that every mistake is reported at once and no secret with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from common.job.limits import RetryBudget
from common.job.types import QUEUES
from common.settings import (
    Address,
    Environment,
    MonitorSettings,
    SchedulerSettings,
    SettingsError,
    WorkerSettings,
)

SECRET = "a secret of at least thirty-two bytes"
PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"


def problems(variables: dict[str, str]) -> list[str]:
    """Return the variables that the worker's settings find wrong, in order."""
    with pytest.raises(SettingsError) as caught:
        WorkerSettings.from_environment(variables)
    return [problem.variable for problem in caught.value.problems]


def connection(variables: dict[str, str]) -> dict[str, object]:
    """Return what a Redis client makes of the settings' URL."""
    url = SchedulerSettings.from_environment(variables).store.redis_url
    return dict(redis.ConnectionPool.from_url(url).connection_kwargs)


def test_an_empty_environment_gives_a_service_that_only_this_machine_reaches() -> None:
    scheduler = SchedulerSettings.from_environment({})
    worker = WorkerSettings.from_environment({})
    monitor = MonitorSettings.from_environment({})

    assert scheduler.server.address == Address("127.0.0.1", 50051)
    assert monitor.server.address == Address("127.0.0.1", 50052)
    assert worker.health.address == Address("127.0.0.1", 50053)
    assert scheduler.server.auth.is_open
    assert scheduler.store.redis_url == "redis://127.0.0.1:6379/0"
    assert worker.queues == QUEUES
    assert (worker.queue_concurrency, worker.jobs.retry_attempts, worker.jobs.timeout_ms) == (5, 3, 300_000)


def test_the_documented_variables_all_have_an_effect() -> None:
    settings = WorkerSettings.from_environment(
        {
            "REDIS_URL": "rediss://:pw@store:7000/3",
            "NAMESPACE": "staging",
            "WORKER_HEALTH_ADDR": "[::1]:6000",
            "JOB_QUEUE_CONCURRENCY": "7",
            "JOB_RETRY_BUDGET": "150.5%/7",
            "JOB_RETRY_ATTEMPTS": "4",
            "JOB_TIMEOUT_MS": "1000",
            "JOB_LEASE_MS": "2000",
            "WORKER_THREADS": "9",
            "WORKER_QUEUES": "exports, mail,exports",
            "WORKER_CHILDREN": "3",
            "JOB_COMPRESS_RESULTS": "true",
            "WORKER_SHUTDOWN_MS": "0",
            "CONVERSATION_SERVICE_ADDR": "conversations:50051",
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_MODEL": "gpt-4o",
            "LOG_LEVEL": "debug",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317",
            "OTEL_TRACES_SAMPLER_ARG": "0.25",
            "AUTH_JWT_SECRET": SECRET,
        }
    )

    assert settings.store.redis_url == "rediss://:pw@store:7000/3"
    assert settings.store.namespace == "staging"
    assert settings.health.address == Address("[::1]", 6000)
    assert settings.health.auth.secret == SECRET
    assert settings.queue_concurrency == 7
    assert settings.retry_budget == RetryBudget(1.505, 7)
    assert (settings.jobs.retry_attempts, settings.jobs.timeout_ms, settings.jobs.lease_ms) == (4, 1000, 2000)
    assert (settings.threads, settings.children, settings.shutdown_ms) == (9, 3, 0)
    assert settings.compress_results
    assert settings.queues == ("exports", "mail")
    assert settings.conversation_service == Address("conversations", 50051)
    assert (settings.openai_api_key, settings.openai_model) == ("sk-test", "gpt-4o")
    assert settings.telemetry.log_level == "DEBUG"
    assert settings.telemetry.otlp_endpoint == "http://collector:4317"
    assert settings.telemetry.sample_ratio == 0.25


@given(st.text(min_size=1, max_size=40).map(str.strip).filter(bool))
def test_any_password_reaches_the_server_as_it_is(password: str) -> None:
    parts = connection(
        {"REDIS_HOST": "store", "REDIS_PORT": "6380", "REDIS_PASSWORD": password, "REDIS_DB": "2"}
    )

    assert (parts["host"], parts["port"], parts["db"]) == ("store", 6380, 2)
    assert parts["password"] == password


def test_a_url_wins_over_its_parts_even_over_wrong_ones() -> None:
    """Kubernetes sets REDIS_PORT=tcp://... for a service that is called redis."""
    parts = connection({"REDIS_URL": "redis://store:7000/1", "REDIS_PORT": "tcp://10.0.0.7:6379"})

    assert (parts["host"], parts["port"]) == ("store", 7000)


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_host_may_have_brackets_or_not(host: str) -> None:
    assert connection({"REDIS_HOST": host})["host"] == "::1"


def test_a_variable_that_is_set_to_nothing_counts_as_not_set() -> None:
    settings = WorkerSettings.from_environment({"REDIS_URL": "", "WORKER_THREADS": " ", "OPENAI_API_KEY": ""})

    assert settings.store.redis_url == "redis://127.0.0.1:6379/0"
    assert settings.threads == 8
    assert settings.openai_api_key is None


def test_a_service_may_read_more_variables_and_have_all_problems_reported_at_once() -> None:
    environment = Environment({"REDIS_PORT": "none", "WORKER_ACTOR_MODULES": "no spaces"})
    WorkerSettings.read(environment)
    environment.names("WORKER_ACTOR_MODULES", ())

    with pytest.raises(SettingsError) as caught:
        environment.check()

    assert [problem.variable for problem in caught.value.problems] == ["REDIS_PORT", "WORKER_ACTOR_MODULES"]


def test_all_problems_are_reported_together_with_what_each_must_be() -> None:
    with pytest.raises(SettingsError) as caught:
        WorkerSettings.from_environment(
            {
                "JOB_TIMEOUT_MS": "soon",
                "WORKER_THREADS": "0",
                "WORKER_QUEUES": "no spaces",
                "LOG_LEVEL": "loud",
                "CONVERSATION_SERVICE_ADDR": "nowhere",
            }
        )

    message = str(caught.value)
    assert message.startswith("5 settings are wrong:")
    assert "JOB_TIMEOUT_MS='soon' must be a whole number from 100 to 86400000" in message
    assert "WORKER_THREADS='0' must be a whole number from 1 to 1000" in message
    assert "WORKER_QUEUES='no spaces' must be names separated by commas" in message
    assert "LOG_LEVEL='loud' must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL" in message
    assert "CONVERSATION_SERVICE_ADDR='nowhere' must be a host and a port" in message


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("JOB_RETRY_BUDGET", "20"),
        ("JOB_RETRY_BUDGET", "10001%/1"),
        ("WORKER_HEALTH_ADDR", "127.0.0.1:65536"),
        ("WORKER_HEALTH_ADDR", "http://127.0.0.1:1"),
        ("WORKER_HEALTH_ADDR", ":50053"),
        ("JOB_RETRY_ATTEMPTS", "-1"),
        ("JOB_RETRY_ATTEMPTS", "3.0"),
        ("NAMESPACE", "a{b}"),
        ("REDIS_PORT", "0"),
        ("REDIS_HOST", "user@host"),
        ("REDIS_HOST", ":"),
        ("WORKER_HEALTH_ADDR", "::1:50053"),
        ("WORKER_HEALTH_ADDR", "[:]:50053"),
        ("REDIS_URL", "redis://store/0?socket_timeout=soon"),
        ("REDIS_URL", "http://store"),
        ("REDIS_URL", "redis://store:notaport"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("AUTH_DISABLED", "perhaps"),
        ("TLS_CERT_FILE", "/no/such/file.pem"),
    ],
)
def test_a_wrong_value_is_refused(variable: str, value: str) -> None:
    assert problems({variable: value}) == [variable]


def test_no_message_and_no_repr_shows_a_secret() -> None:
    hidden = "hush-hush"
    wrong = {"AUTH_JWT_SECRET": hidden, "REDIS_URL": f"http://:{hidden}@store", "JOB_TIMEOUT_MS": "x"}
    right = {"REDIS_PASSWORD": hidden, "OPENAI_API_KEY": hidden, "AUTH_JWT_SECRET": hidden * 4}

    with pytest.raises(SettingsError) as caught:
        WorkerSettings.from_environment(wrong)

    assert len(caught.value.problems) == 3
    assert hidden not in str(caught.value)
    assert hidden not in repr(caught.value.problems)
    assert hidden not in repr(WorkerSettings.from_environment(right))


def test_an_open_server_that_others_can_reach_is_refused_and_told_the_ways_out() -> None:
    with pytest.raises(SettingsError) as caught:
        SchedulerSettings.from_environment({"SCHEDULER_ADDR": "0.0.0.0:50051"})

    for way_out in ("SCHEDULER_ADDR='0.0.0.0:50051'", "127.0.0.1", "AUTH_JWT_SECRET", "AUTH_DISABLED=true"):
        assert way_out in str(caught.value)


@pytest.mark.parametrize(
    "more",
    [
        {"SCHEDULER_ADDR": "0.0.0.0:1", "AUTH_DISABLED": "true"},
        {"SCHEDULER_ADDR": "0.0.0.0:1", "AUTH_JWT_SECRET": SECRET},
        {"SCHEDULER_ADDR": "localhost:1"},
        {"SCHEDULER_ADDR": "127.1.2.3:1"},
        {"SCHEDULER_ADDR": "[::1]:1"},
    ],
)
def test_a_server_that_is_guarded_local_or_open_on_purpose_may_start(more: dict[str, str]) -> None:
    assert SchedulerSettings.from_environment(more).server.address.port == 1


def test_two_keys_and_a_key_that_is_switched_off_are_contradictions(tmp_path: Path) -> None:
    key_file = tmp_path / "key.pem"
    key_file.write_text(PUBLIC_KEY)

    assert problems({"AUTH_JWT_SECRET": SECRET, "AUTH_JWT_PUBLIC_KEY_FILE": str(key_file)}) == [
        "AUTH_JWT_PUBLIC_KEY_FILE"
    ]
    assert problems({"AUTH_JWT_SECRET": SECRET, "AUTH_DISABLED": "true"}) == ["AUTH_DISABLED"]


def test_a_public_key_is_read_from_its_file_and_anything_else_is_refused(tmp_path: Path) -> None:
    public, private = tmp_path / "public.pem", tmp_path / "private.pem"
    public.write_text(PUBLIC_KEY)
    private.write_text(PUBLIC_KEY.replace("PUBLIC", "PRIVATE"))

    settings = SchedulerSettings.from_environment({"AUTH_JWT_PUBLIC_KEY_FILE": str(public)})

    assert settings.server.auth.public_key == PUBLIC_KEY
    assert problems({"AUTH_JWT_PUBLIC_KEY_FILE": str(private)}) == ["AUTH_JWT_PUBLIC_KEY_FILE"]


def test_a_certificate_needs_its_key_and_the_other_way_round(tmp_path: Path) -> None:
    file = tmp_path / "file.pem"
    file.write_text("")

    assert problems({"TLS_CERT_FILE": str(file)}) == ["TLS_KEY_FILE"]
    assert problems({"TLS_KEY_FILE": str(file)}) == ["TLS_CERT_FILE"]
    assert problems({"TLS_CLIENT_CA_FILE": str(file)}) == ["TLS_CERT_FILE"]


@given(
    st.dictionaries(
        st.sampled_from(["WORKER_HEALTH_ADDR", "WORKER_QUEUES", "REDIS_URL", "REDIS_HOST"]), st.text()
    )
)
def test_any_text_gives_settings_or_a_settings_error(variables: dict[str, str]) -> None:
    try:
        settings = WorkerSettings.from_environment(variables)
    except SettingsError:
        return  # nothing else may be raised
    assert settings.queues
    redis.ConnectionPool.from_url(settings.store.redis_url)


def test_large_arguments_stay_in_the_store_unless_a_url_is_set() -> None:
    for read in (SchedulerSettings, WorkerSettings):
        assert read.from_environment({"STORE_ENCRYPTION_KEY": "none"}).files.open() is None
    settings = SchedulerSettings.from_environment(
        {
            "JOB_PAYLOAD_STORE_URL": "s3://bucket/jobs",
            "JOB_PAYLOAD_STORE_FROM_BYTES": "100000",
            "JOB_PAYLOAD_STORE_TIMEOUT_MS": "2000",
            "STORE_ENCRYPTION_KEY": "A" * 43 + "=",
        }
    )
    files = settings.files.open()
    assert files is not None
    assert files.timeout_s == 2.0
    assert "bucket" not in repr(settings)
    assert "AAAA" not in repr(settings)


def test_what_is_wrong_with_the_file_store_is_said_without_its_url() -> None:
    with pytest.raises(SettingsError) as caught:
        SchedulerSettings.from_environment(
            {"JOB_PAYLOAD_STORE_URL": "gopher://user:hidden@host/x", "JOB_PAYLOAD_STORE_FROM_BYTES": "0"}
        )
    wrong = [problem.variable for problem in caught.value.problems]
    assert wrong == ["JOB_PAYLOAD_STORE_FROM_BYTES", "JOB_PAYLOAD_STORE_URL"]
    assert "hidden" not in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        SchedulerSettings.from_environment(
            {"JOB_PAYLOAD_STORE_URL": "file:///srv/jobs", "STORE_ENCRYPTION_KEY": "short"}
        )
    assert [problem.variable for problem in caught.value.problems] == ["STORE_ENCRYPTION_KEY"]
