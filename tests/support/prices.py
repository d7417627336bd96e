"""A model with round prices, and what a call to it costs."""

from __future__ import annotations

from typing import Final

#: A PROVIDER_MODELS_FILE.
PRICES: Final = """
["priced"]
price_input = 5_000_000
price_output = 25_000_000
max_output_tokens = 400
fallbacks = []
"""
#: What a call uses, and what that costs at these prices (millionths of a dollar).
USAGE: Final = {"prompt_tokens": 1_000, "completion_tokens": 200}
COST: Final = 10_000
