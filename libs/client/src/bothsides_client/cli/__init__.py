"""The command line `bothsides`. What it prints with `--json` is an interface; the rest is for people."""

from bothsides_client.cli.app import main

__all__ = ["main"]
