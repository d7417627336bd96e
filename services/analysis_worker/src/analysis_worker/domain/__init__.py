"""What a debate is and what an analysis of it says. Standard library only; no input, no output."""
