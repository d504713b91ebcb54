"""Analysis without a model or a key: `text_processor` and `data_analyzer` (AGENTS.md, section 10).

`text_processor.py` and `data_analyzer.py` hold the two agents; every other page does one kind of
analysis: it takes a text or a table and returns a frozen struct, never waits, keeps nothing.
"""
