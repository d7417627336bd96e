"""What is known of paid providers of language models: models, prices, limits, failures. Pure."""
