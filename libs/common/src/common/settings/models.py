"""Which models there are: the built-in table, and what the file of PROVIDER_MODELS_FILE adds or changes."""

from __future__ import annotations

from typing import Final

from common.provider.models import ModelsFileInvalid, ModelTable
from common.settings.environment import Environment

_MODELS_FILE: Final = "PROVIDER_MODELS_FILE"


def read_models(environment: Environment) -> ModelTable:
    """Read PROVIDER_MODELS_FILE; what is wrong is known when the environment is checked."""
    file = environment.file(_MODELS_FILE)
    if file is not None:
        try:
            return ModelTable.read(file)
        except ModelsFileInvalid as error:
            environment.reject(_MODELS_FILE, f"describe models in TOML: {error}")
    return ModelTable()
