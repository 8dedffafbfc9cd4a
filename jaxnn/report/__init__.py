"""The report of a study: one self-contained HTML file."""

from jaxnn.report.answer import answer
from jaxnn.report.page import write_report

__all__ = ["answer", "write_report"]
