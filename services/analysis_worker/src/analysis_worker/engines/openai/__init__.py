"""The OpenAI engine: asks a model for judgements, and believes none that code has not verified."""
