"""What the worker reads from its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis_worker.paid.door import Door
from analysis_worker.paid.settings import fingerprint_of
from analysis_worker.settings import CHILD_MEMORY_BYTES, AnalysisWorkerSettings
from common.settings import SettingsError


def test_nothing_needs_to_be_set() -> None:
    settings = AnalysisWorkerSettings.from_environment({})

    assert settings.actor_modules == ()
    assert settings.child_memory_bytes == CHILD_MEMORY_BYTES
    assert settings.worker.threads == 8


def test_actor_modules_are_a_list() -> None:
    settings = AnalysisWorkerSettings.from_environment({"WORKER_ACTOR_MODULES": "shop.mail, shop.reports"})

    assert settings.actor_modules == ("shop.mail", "shop.reports")


def test_problems_of_both_kinds_of_settings_are_told_together() -> None:
    with pytest.raises(SettingsError) as caught:
        AnalysisWorkerSettings.from_environment({"WORKER_CHILD_MEMORY_BYTES": "-1", "WORKER_CHILDREN": "0"})

    assert {problem.variable for problem in caught.value.problems} == {
        "WORKER_CHILD_MEMORY_BYTES",
        "WORKER_CHILDREN",
    }


def test_a_problem_of_this_service_alone_is_told_too() -> None:
    with pytest.raises(SettingsError, match="WORKER_ACTOR_MODULES"):
        AnalysisWorkerSettings.from_environment({"WORKER_ACTOR_MODULES": "not a module"})


def test_errors_are_simulated_in_development_only() -> None:
    simulate = {"WORKER_SIMULATE_ERRORS": "BUG 5%", "WORKER_SIMULATE_SEED": "7"}

    with pytest.raises(SettingsError, match="WORKER_DEVELOPMENT=true"):
        AnalysisWorkerSettings.from_environment(simulate)

    settings = AnalysisWorkerSettings.from_environment({**simulate, "WORKER_DEVELOPMENT": "yes"})
    assert [str(rule) for rule in settings.simulated] == ["BUG 5%"]
    assert settings.simulation_seed == 7


def test_a_rule_that_cannot_be_read_is_told_with_what_rules_look_like() -> None:
    with pytest.raises(SettingsError, match=r"WORKER_SIMULATE_ERRORS.*TRANSIENT 10%.*'EXPLODE' is none of"):
        AnalysisWorkerSettings.from_environment(
            {"WORKER_DEVELOPMENT": "1", "WORKER_SIMULATE_ERRORS": "EXPLODE 5%"}
        )


def test_paid_calls_are_set_by_the_hour_and_the_byte(tmp_path: Path) -> None:
    models = tmp_path / "models.toml"
    models.write_text("[llama]\ncontext_tokens = 8192\n")

    settings = AnalysisWorkerSettings.from_environment(
        {
            "PROVIDER_MODELS_FILE": str(models),
            "PROVIDER_ANSWERS_KEEP_HOURS": "2",
            "PROVIDER_ANSWERS_BYTES": "1000",
            "PROVIDER_TIMEOUT_MS": "5000",
            "PROVIDER_LEASE_MS": "600",
        }
    ).paid

    assert (settings.keep_ms, settings.keep_bytes) == (7_200_000, 1_000)
    assert (settings.timeout_ms, settings.lease_ms) == (5_000, 600)
    assert settings.models.card("llama").context_tokens == 8_192


def test_a_file_of_models_that_is_wrong_is_told_with_the_place(tmp_path: Path) -> None:
    models = tmp_path / "models.toml"
    models.write_text("[llama]\nprice = 3\n")

    with pytest.raises(SettingsError, match=r"PROVIDER_MODELS_FILE.*llama\.price is not known"):
        AnalysisWorkerSettings.from_environment({"PROVIDER_MODELS_FILE": str(models)})


def test_keys_are_told_apart_and_not_told() -> None:
    assert fingerprint_of("sk-one") != fingerprint_of("sk-two")
    assert "sk-one" not in fingerprint_of("sk-one")
    assert fingerprint_of(None) == ""


def test_a_wrong_key_is_told_and_not_quoted() -> None:
    with pytest.raises(SettingsError, match="STORE_ENCRYPTION_KEY must be 32 bytes in base64") as caught:
        AnalysisWorkerSettings.from_environment({"STORE_ENCRYPTION_KEY": "not-a-key-at-all"})
    assert "not-a-key-at-all" not in str(caught.value)


def test_text_may_leave_unless_it_is_forbidden_to_all_or_some() -> None:
    def door(**variables: str) -> Door:
        return AnalysisWorkerSettings.from_environment(variables).paid.door

    assert door() == Door()
    assert door(OUTBOUND_TEXT="forbid") == Door(shut=True)
    assert door(OUTBOUND_TEXT_FORBIDDEN_TENANTS="acme, 2nd.org").shut_for == {"acme", "2nd.org"}
    with pytest.raises(SettingsError, match=r"OUTBOUND_TEXT='no' must be one of ALLOW, FORBID"):
        door(OUTBOUND_TEXT="no")
    with pytest.raises(SettingsError, match=r"OUTBOUND_TEXT_FORBIDDEN_TENANTS=.* must be tenants"):
        door(OUTBOUND_TEXT_FORBIDDEN_TENANTS="acme; globex")
