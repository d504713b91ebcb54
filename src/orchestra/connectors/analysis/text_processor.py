"""`text_processor`: how a text sounds, and what is in it."""

from collections.abc import Callable, Mapping

import anyio.to_thread
import msgspec

from orchestra.agents import Capability, PythonAgent, PythonCapability, Task
from orchestra.connectors.analysis import intent, language
from orchestra.connectors.analysis.entities import confidence, entities
from orchestra.connectors.analysis.keywords import keywords
from orchestra.connectors.analysis.readability import readability
from orchestra.connectors.analysis.requests import Reading, plain
from orchestra.connectors.analysis.sentiment import sentiment
from orchestra.connectors.analysis.summary import summary

_ON_THE_LOOP_MAX = 8_192  # characters; a longer text goes to a worker thread
_ENOUGH_WORDS = 30  # for keywords to mean something

Fields = dict[str, object]


class _Request(msgspec.Struct, frozen=True):
    text: str
    limit: int
    labels: Mapping[str, list[str]] | None


async def sentiment_analysis(task: Task) -> object:
    """Label, score, confidence, probabilities and highlights. Raises `Reject`."""
    reading = Reading(task.input_data)
    text = reading.text()
    reading.check()
    return await _worked_out(text, lambda: plain(sentiment(text)))


async def text_analysis(task: Task) -> object:
    """One kind of analysis, or `all` of them in one object. Raises `Reject`."""
    reading = Reading(task.input_data)
    kind = reading.choice("analysis_type", tuple(ANALYSES), "all")
    request = _Request(
        reading.text(), reading.limit(2 if kind == "summary" else 8), reading.labels()
    )
    reading.check()
    analyse = ANALYSES[kind]
    return await _worked_out(request.text, lambda: plain(analyse(request)))


async def _worked_out(text: str, work: Callable[[], object]) -> object:
    if len(text) <= _ON_THE_LOOP_MAX:
        return work()
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)


def _intent(request: _Request) -> Fields:
    text, labels = request.text, request.labels
    first, *others = intent.labelled(text, labels) if labels else intent.intents(text)
    return {
        "intent": first.intent,
        "confidence": first.confidence,
        "alternatives": others,
        "method": "labels" if labels else "rules",
        "language": language.guess(text).language,
    }


def _keywords(request: _Request) -> Fields:
    found = keywords(request.text, request.limit)
    return {
        "keywords": found,
        "confidence": round(min(len(request.text.split()) / _ENOUGH_WORDS, 1.0), 2),
        "method": "rake",
        "language": language.guess(request.text).language,
    }


def _entities(request: _Request) -> Fields:
    tongue = language.guess(request.text).language
    found = entities(request.text, tongue)
    return {
        "entities": found,
        "confidence": confidence(found),
        "method": "patterns",
        "language": tongue,
    }


def _summary(request: _Request) -> Fields:
    told, share = summary(request.text, request.limit)
    return {
        "summary": " ".join(sentence.text for sentence in told),
        "sentences": told,
        "confidence": share,
        "method": "lexrank",
        "language": language.guess(request.text).language,
    }


def _language(request: _Request) -> Fields:
    guess = language.guess(request.text)
    return {
        "language": guess.language,
        "confidence": guess.confidence,
        "alternatives": [
            {"language": name, "confidence": share} for name, share in guess.alternatives
        ],
        "method": "common words",
    }


def _readability(request: _Request) -> Fields:
    tongue = language.guess(request.text)
    return {
        "readability": readability(request.text),
        "confidence": 0.9 if tongue.language == "en" else 0.3,
        "method": "flesch-kincaid",
        "language": tongue.language,
    }


def _all(request: _Request) -> Fields:
    """Everything side by side; `confidence` and `alternatives` are the intent's."""
    short = msgspec.structs.replace(request, limit=min(request.limit, 2))
    return {
        **_readability(request),
        **_summary(short),
        **_keywords(request),
        **_entities(request),
        **_intent(request),
        "method": "all",
    }


ANALYSES: Mapping[str, Callable[[_Request], Fields]] = {
    "intent": _intent,
    "keywords": _keywords,
    "entities": _entities,
    "summary": _summary,
    "language": _language,
    "readability": _readability,
    "all": _all,
}
_TEXT: dict[str, object] = {"type": "string", "description": "at most 1 MiB; may be empty"}

TEXT_PROCESSOR = PythonAgent(
    name="text_processor-builtin",
    agent_type="text_processor",
    description="Sentiment, intent, entities, keywords and more, without a model or a key.",
    version="1.0.0",
    capabilities=(
        PythonCapability(
            Capability(
                name="sentiment_analysis",
                input_types=("text",),
                output_types=("json",),
                description="How a text sounds, by VADER's lexicon: negative, neutral, positive.",
                input_schema={
                    "type": "object",
                    "required": ["text"],
                    "properties": {"text": _TEXT},
                },
                output_schema={
                    "type": "object",
                    "required": ["sentiment", "score", "confidence", "probabilities"],
                    "properties": {
                        "sentiment": {"enum": ["negative", "neutral", "positive"]},
                        "score": {"type": "number", "minimum": -1, "maximum": 1},
                        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
                        "probabilities": {"type": "object"},
                        "highlights": {"type": "array"},
                    },
                },
                idempotent=True,
            ),
            sentiment_analysis,
            checked=True,
        ),
        PythonCapability(
            Capability(
                name="text_analysis",
                input_types=("text",),
                output_types=("json",),
                description="What is in a text: intent, keywords, entities, summary, language.",
                input_schema={
                    "type": "object",
                    "required": ["text"],
                    "properties": {
                        "text": _TEXT,
                        "analysis_type": {"enum": list(ANALYSES), "default": "all"},
                        "limit": {"type": "integer", "minimum": 1, "maximum": 100},
                        "labels": {
                            "type": "object",
                            "description": "intents of your own: a name and its keywords",
                            "additionalProperties": {
                                "type": "array",
                                "items": {"type": "string", "minLength": 1},
                            },
                        },
                    },
                },
                output_schema={
                    "type": "object",
                    "required": ["method", "confidence", "language"],
                },
                idempotent=True,
            ),
            text_analysis,
            checked=True,
        ),
    ),
)
