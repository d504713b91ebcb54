"""JSON Schemas that people bring: judged before they are kept, compiled once, and bounded."""
