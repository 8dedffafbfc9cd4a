"""What a study found, for people: one self-contained HTML file, and a short Markdown text."""

from jaxnn.report.answer import answer
from jaxnn.report.calculation import write_calculation
from jaxnn.report.markdown import write_summary
from jaxnn.report.page import write_report
from jaxnn.report.parts import PartReport, write_parts_report, write_parts_summary
from jaxnn.report.results import COMPARISON_CAPTION

__all__ = [
    "COMPARISON_CAPTION",
    "PartReport",
    "answer",
    "write_calculation",
    "write_parts_report",
    "write_parts_summary",
    "write_report",
    "write_summary",
]
