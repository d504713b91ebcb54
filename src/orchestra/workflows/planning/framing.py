"""Envelopes, records, signals as they are stored: compact JSON in a frame with a checksum."""

import msgspec

from orchestra.store import frames
from orchestra.workflows.planning.facts import Envelope, Record, Signal

_envelope = msgspec.json.Decoder(Envelope)
_record = msgspec.json.Decoder(Record)
_signal = msgspec.json.Decoder(Signal)


def pack(value: Envelope | Record | Signal) -> bytes:
    """The bytes that are stored."""
    return frames.pack(msgspec.json.encode(value))


def unpack_envelope(framed: bytes) -> Envelope:
    """Raises CorruptRecord."""
    return _envelope.decode(frames.unpack(framed))


def unpack_signal(framed: bytes) -> Signal:
    """Raises CorruptRecord."""
    return _signal.decode(frames.unpack(framed))


def unpack_record(framed: bytes) -> Record:
    """Raises CorruptRecord."""
    return _record.decode(frames.unpack(framed))
