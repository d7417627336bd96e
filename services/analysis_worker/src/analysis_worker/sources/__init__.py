"""Where jobs get the conversations they work on."""
