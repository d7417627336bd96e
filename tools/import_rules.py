"""A contract for import-linter that its own kinds cannot express: standard library only."""

from __future__ import annotations

import sys
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class StandardLibraryOnly(Contract):
    """Pure packages import the standard library and one another, nothing else.

    Options:
        pure_modules: The packages, each with all that is in it.
    """

    type_name = "standard_library_only"

    pure_modules = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Collect every other import as `importer:line imports imported`."""
        broken: list[str] = []
        inside: set[str] = set()
        for package in cast(list[str], self.pure_modules):
            inside |= {package} | graph.find_descendants(package)
        for importer in sorted(inside):
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                if imported in inside or imported.partition(".")[0] in sys.stdlib_module_names:
                    continue
                details = graph.get_import_details(importer=importer, imported=imported)
                broken += [f"{importer}:{detail['line_number']} imports {imported}" for detail in details]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line for each import that does not belong."""
        for line in check.metadata["broken"]:
            output.print_error(line)
