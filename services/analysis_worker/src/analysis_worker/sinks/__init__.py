"""Where jobs keep what outlives them."""
