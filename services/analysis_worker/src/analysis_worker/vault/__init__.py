"""Where the placeholder maps of conversations are kept."""
