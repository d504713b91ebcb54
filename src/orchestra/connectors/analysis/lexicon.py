"""The words, emoji and degree adverbs of VADER, read on first use.

VADER is C.J. Hutto's, MIT licence (vader/LICENSE.txt): "VADER: A Parsimonious Rule-based Model
for Sentiment Analysis of Social Media Text", Hutto and Gilbert, ICWSM 2014. `vader/lexicon.tsv`
is the lexicon of vaderSentiment 3.3.2 as word and mean rating, without the single ratings;
`vader/emoji.tsv` is its emoji table, without the sequences its scorer can never match. The tables
below are that release's, unchanged.
"""

import functools
from collections.abc import Mapping

import msgspec

from orchestra.connectors.analysis.tables import rows

_RAISES = 0.293  # the mean rise in intensity people see in "very good" over "good"

NEGATIONS = frozenset(
    "aint arent cannot cant couldnt darent didnt doesnt ain't aren't can't couldn't daren't didn't "
    "doesn't dont hadnt hasnt havent isnt mightnt mustnt neither don't hadn't hasn't haven't isn't "
    "mightn't mustn't neednt needn't never none nope nor not nothing nowhere oughtnt shant "
    "shouldnt uhuh wasnt werent oughtn't shan't shouldn't uh-uh wasn't weren't without wont "
    "wouldnt won't wouldn't rarely seldom despite".split()
)
_RAISING = (
    "absolutely amazingly awfully completely considerable considerably decidedly deeply effing "
    "enormous enormously entirely especially exceptional exceptionally extreme extremely "
    "fabulously flipping flippin frackin fracking fricking frickin frigging friggin fully fuckin "
    "fucking fuggin fugging greatly hella highly hugely incredible incredibly intensely major "
    "majorly more most particularly purely quite really remarkably so substantially thoroughly "
    "total totally tremendous tremendously uber unbelievably unusually utter utterly very"
).split()
_LOWERING = (
    *"almost barely hardly kinda kindof kind-of less little marginal marginally occasional "
    "occasionally partly scarce scarcely slight slightly somewhat sorta sortof sort-of".split(),
    "just enough",
    "kind of",
    "sort of",
)
DEGREES: Mapping[str, float] = {
    **dict.fromkeys(_RAISING, _RAISES),
    **dict.fromkeys(_LOWERING, -_RAISES),
}
IDIOMS: Mapping[str, float] = {
    "the shit": 3,
    "the bomb": 3,
    "bad ass": 1.5,
    "badass": 1.5,
    "bus stop": 0.0,
    "yeah right": -2,
    "kiss of death": -1.5,
    "to die for": 3,
    "beating heart": 3.5,
}


class Lexicon(msgspec.Struct, frozen=True):
    """Mean rating of a word, -4 to 4, and what an emoji is called."""

    ratings: dict[str, float]
    emoji: dict[str, str]


@functools.cache
def lexicon() -> Lexicon:
    """The vendored lexicon: about 5 ms the first time, free afterwards."""
    ratings = {word: float(rating) for word, rating in rows("lexicon.tsv")}
    return Lexicon(ratings, dict(rows("emoji.tsv")))
