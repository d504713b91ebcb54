"""OpenTelemetry: spans, figures and lines of this process, to whoever collects them, over OTLP.

Only `exporting` imports the SDK, and only where `otel_endpoint` is set is it imported. What is on
its way is bounded: a collector that is slow or dead costs what it does not take, and nothing else.
"""
