"""Filters of jobs: the AIP-160 grammar, to a tree that the store's lists and the watches evaluate.

filter      = [ conjunction ]
conjunction = disjunction { "AND" disjunction }          OR binds tighter than AND, as AIP-160 has it
disjunction = term { "OR" term }
term        = [ "NOT" | "-" ] ( comparison | "(" conjunction ")" )
comparison  = field operator value | field ":" value | field ":*" | "labels:" KEY
operator    = "=" | "!=" | "<" | "<=" | ">" | ">="       order only for times
value       = bare word | "quoted" | 'quoted'            a backslash takes the next character as it is

`field:value` is the same as `field = value`, and `field:*` asks whether the field is set.
"""

from scheduler.filters.fields import STABLE, facts_of
from scheduler.filters.filter import Filter, parse_filter, quoted
from scheduler.filters.grammar import MAX_TERMS

__all__ = ["MAX_TERMS", "STABLE", "Filter", "facts_of", "parse_filter", "quoted"]
