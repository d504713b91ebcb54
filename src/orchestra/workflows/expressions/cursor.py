"""The parser's place in the tokens, and the limits that hold while it moves on."""

from typing import TypeVar

from orchestra.workflows.expressions.budget import NESTING_MAX, NODES_MAX, SOURCE_MAX
from orchestra.workflows.expressions.failures import Malformed, TooLarge
from orchestra.workflows.expressions.lexer import Token, tokens

T = TypeVar("T")


def unexpected(token: Token) -> Malformed:
    found = repr(token.text) if token.text else "end"
    return Malformed(f"unexpected {found}", token.position, max(1, len(token.text)))


class Cursor:
    """Reads `source`; every position is moved by `offset`, where it stands in a larger text."""

    def __init__(self, source: str, offset: int = 0) -> None:
        if len(source) > SOURCE_MAX:
            raise TooLarge(f"an expression may have {SOURCE_MAX:,} characters", offset, len(source))
        self._tokens = list(tokens(source, 0, offset))
        self._at = 0
        self._nesting = 0
        self._nodes = 0

    @property
    def next(self) -> Token:
        return self._tokens[self._at]

    @property
    def after_next(self) -> Token:
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def step(self) -> Token:
        """The next token, passed over; the end stays where it is."""
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def take(self, text: str) -> bool:
        token = self._tokens[self._at]
        if token.text == text and token.kind in ("symbol", "name"):
            self._at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.take(text):
            found = self.next.text or "the end"
            raise Malformed(
                f"expected {text!r}, found {found!r}", self.next.position, max(1, len(found))
            )

    def made(self, node: T) -> T:
        """`node`, counted."""
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise TooLarge(f"an expression may have {NODES_MAX:,} parts", self.next.position)
        return node

    def enter(self) -> None:
        self._nesting += 1
        if self._nesting > NESTING_MAX:
            raise TooLarge(f"the expression nests deeper than {NESTING_MAX}", self.next.position)

    def leave(self) -> None:
        self._nesting -= 1
