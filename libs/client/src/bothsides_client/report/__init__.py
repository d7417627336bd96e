"""What an analysis says to a person: first as plain data, then for a terminal or as Markdown.

`report_view` decides what is worth saying and how numbers read; the two renderers only lay it out. A value
that could not be computed is "–" with its reason in a footnote, never 0.
"""

from bothsides_client.report.markdown import report_markdown
from bothsides_client.report.model import Report
from bothsides_client.report.terminal import render_report
from bothsides_client.report.view import report_view

__all__ = ["Report", "render_report", "report_markdown", "report_view"]
