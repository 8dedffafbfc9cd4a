"""What a study found, for people: one self-contained HTML file, and a short Markdown text."""

from jaxnn.report.answer import answer
from jaxnn.report.markdown import write_summary
from jaxnn.report.page import write_report

__all__ = ["answer", "write_report", "write_summary"]
