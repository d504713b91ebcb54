"""The agents every server starts with. Importing this reads no lexicon and compiles no rules."""

from orchestra.agents import PythonAgent
from orchestra.connectors.analysis.data_analyzer import DATA_ANALYZER
from orchestra.connectors.analysis.text_processor import TEXT_PROCESSOR

BUILT_IN: tuple[PythonAgent, ...] = (TEXT_PROCESSOR, DATA_ANALYZER)
