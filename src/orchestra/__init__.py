"""Orchestra: durable workflows over many AI agents."""

__version__ = "0.1.0"
