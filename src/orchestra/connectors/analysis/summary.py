"""The sentences that say most of what a text says, word for word."""

import math
from collections import Counter
from collections.abc import Sequence

import msgspec

from orchestra.connectors.analysis.words import STOP_WORDS, sentences, words

_ROUNDS = 30
_DAMPING = 0.85
_SENTENCE_MAX = 1_000  # characters of one told; a text without full stops is one sentence
_FIRST_COUNTS = 1.25  # a request says first what it is about


class Sentence(msgspec.Struct, frozen=True):
    """`index` counts the text's sentences from 0; `score` is its share of the centrality."""

    text: str
    index: int
    score: float


def summary(text: str, limit: int = 2) -> tuple[tuple[Sentence, ...], float]:
    """The most central sentences in the text's order, and their share of all the centrality.

    LexRank (Erkan and Radev 2004) over the first 200 sentences.
    """
    every = sentences(text)
    rank = _power_iteration(_links(every))
    best = sorted(range(len(every)), key=lambda at: -rank[at] * (_FIRST_COUNTS if at == 0 else 1.0))
    chosen = sorted(best[:limit])
    told = tuple(Sentence(every[at][:_SENTENCE_MAX], at, round(rank[at], 4)) for at in chosen)
    return told, round(min(sum(rank[at] for at in chosen), 1.0), 2)


def _links(every: Sequence[str]) -> list[list[float]]:
    """How alike any two sentences are: the cosine of their words, rare words weighing more."""
    bags = [
        Counter(word for word in words(sentence[:_SENTENCE_MAX]) if word not in STOP_WORDS)
        for sentence in every
    ]
    spread = Counter(word for bag in bags for word in bag)
    vectors = [
        {word: n * math.log1p(len(every) / spread[word]) for word, n in bag.items()} for bag in bags
    ]
    lengths = [math.hypot(*vector.values()) or 1.0 for vector in vectors]
    size = len(every)
    links = [[0.0] * size for _ in range(size)]
    for row, one in enumerate(vectors):
        for column in range(row + 1, size):
            other = vectors[column]
            shared = one.keys() & other.keys()
            if shared:
                alike = sum(one[word] * other[word] for word in shared)
                links[row][column] = alike / (lengths[row] * lengths[column])
                links[column][row] = links[row][column]
    return links


def _power_iteration(links: Sequence[Sequence[float]]) -> list[float]:
    size = len(links)
    totals = [sum(row) for row in links]
    rank = [1 / size] * size if size else []
    for _ in range(_ROUNDS):
        given = [rank[at] / totals[at] if totals[at] else 0.0 for at in range(size)]
        idle = sum(rank[at] for at in range(size) if not totals[at]) / (size or 1)
        rank = [
            (1 - _DAMPING) / size + _DAMPING * (idle + sum(map(float.__mul__, links[at], given)))
            for at in range(size)
        ]
    return rank
