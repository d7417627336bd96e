"""How good the analysis is, on debates and sets that others annotated."""
