"""From words to values: argparse, with options anywhere and every complaint on one line."""

from __future__ import annotations

from argparse import Action, ArgumentError, ArgumentParser, ArgumentTypeError, HelpFormatter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

from tinct.errors import UsageError

WIDTH = 80
HELP = ("-h", "--help")

#: adds an argument under a heading of the help
Section = Callable[..., Action]


class Help(HelpFormatter):
    """Help that fits a terminal of 80 columns."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=27, width=WIDTH)

    def add_usage(
        self, usage: str | None, actions: Any, groups: Any, prefix: str | None = None
    ) -> None:
        """Begin with a capital, as all headings do."""
        super().add_usage(usage, actions, groups, "Usage: " if prefix is None else prefix)


class Parser(ArgumentParser):
    """The options and inputs of one verb."""

    def __init__(self, prog: str, **settings: Any) -> None:
        super().__init__(
            prog,
            formatter_class=Help,
            allow_abbrev=False,
            add_help=False,
            exit_on_error=False,
            **settings,
        )
        self.known: dict[str, Action] = {}

    def section(self, title: str) -> Section:
        """A heading of the help; call it to add an argument below."""
        group = self.add_argument_group(title)

        def add(*names: str, **settings: Any) -> Action:
            action = group.add_argument(*names, **settings)
            self.known.update(dict.fromkeys(action.option_strings, action))
            return action

        return add

    def read(self, words: Iterable[str]) -> dict[str, Any] | None:
        """The values that words stand for; None where help is asked for instead.

        Raises:
            UsageError: they do not fit.
        """
        options, plain = self._sorted(words)
        if not set(HELP).isdisjoint(options):
            return None
        try:
            return vars(self.parse_args([*options, "--", *plain] if plain else options))
        except ArgumentError as error:
            where = (error.argument_name or "").rpartition("/")[2] or None
            raise self.wrong(error.message, where=where) from None

    def error(self, message: str) -> NoReturn:
        """A complaint of argparse that concerns no single argument."""
        if (left := message.removeprefix("unrecognized arguments: -- ")) != message:
            message = f"too many words: {left}"  # the dashes are ours
        raise self.wrong(message)

    def wrong(self, message: str, *, where: str | None = None) -> UsageError:
        """A complaint in our form."""
        return UsageError(message, where=where, remedy=f"see `{self.prog} --help`")

    def unknown(self, kind: str, word: str, candidates: Iterable[str]) -> UsageError:
        """The complaint about a word that is none of the candidates."""
        shown = f": {word}" if word.startswith("-") else f" {word!r}"
        return self.wrong(f"No such {kind}{shown}{nearest(word, candidates)}")

    def _sorted(self, words: Iterable[str]) -> tuple[list[str], list[str]]:
        """Options, each with its value in the same word, and the words that are none.

        Argparse itself takes no value that begins with a hyphen, and no option between inputs.
        """
        options: list[str] = []
        plain: list[str] = []
        rest = iter(words)
        for word in rest:
            if word == "--":
                plain += ("./--" if it == "--" else it for it in rest)  # argparse would drop it
            elif word == "-" or not word.startswith("-"):
                plain.append(word)
            elif word.startswith("--"):
                name, equals, value = word.partition("=")
                options.append(self._option(name, value if equals else None, rest))
            else:
                options += self._letters(word, rest)
        return options, plain

    def _letters(self, word: str, rest: Iterator[str]) -> Iterator[str]:
        """The options of `-rqo FILE`: the first that takes a value takes what follows it."""
        for end, letter in enumerate(word[1:], start=2):
            name = f"-{letter}"
            if name not in self.known:
                raise self.unknown("option", word, self.known)
            if self.known[name].nargs != 0:
                yield self._option(name, word[end:] or None, rest)
                return
            yield name

    def _option(self, name: str, value: str | None, rest: Iterator[str]) -> str:
        action = self.known.get(name)
        if action is None:
            raise self.unknown("option", name, self.known)
        if action.nargs == 0:
            if value is not None:
                raise self.wrong("takes no value", where=name)
            return name
        if value is None:
            value = next(rest, "--")
        if value == "--":
            raise self.wrong("needs a value", where=name)
        return f"{action.option_strings[-1]}={value}"


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The question whether something similar was meant, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(candidates), n=1)
    if not near:
        return ""
    return f". Did you mean {near[0] if near[0].startswith('-') else repr(near[0])}?"


def one_of(allowed: Sequence[str]) -> Callable[[str], str]:
    """What reads one of several words."""

    def read(text: str) -> str:
        if text not in allowed:
            listed = ", ".join(map(repr, allowed))
            raise ArgumentTypeError(f"{text!r} is not one of {listed}{nearest(text, allowed)}")
        return text

    return read


def whole(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a whole number") from None


def positive(text: str) -> int:
    """Read a whole number from 1."""
    number = whole(text)
    if number < 1:
        raise ArgumentTypeError(f"{number} is not possible, the least is 1")
    return number


def number(text: str) -> float:
    """Read a number."""
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number") from None
