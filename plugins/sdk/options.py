"""The command line that fields make: optparse's, as existing clients expect of it."""

import optparse
import re
from collections.abc import Iterable
from typing import Any, NoReturn, cast

from chalicelib.domain import echoes, numerals
from chalicelib.domain.errors import Invalid
from plugins.sdk.fields import Field

_AS_IN_C = re.compile("-?(?:0[xX][0-9a-fA-F]{1,16}|0[bB][01]{1,64}|[0-9]{1,20})")


def _integer(option: optparse.Option, flag: str, text: str) -> int:
    """An integer as in C (docs/contract/tests.md section 0). optparse takes underscores and blanks, too."""
    if not _AS_IN_C.fullmatch(text):
        raise optparse.OptionValueError(f"option {flag}: invalid integer value: {text!r}")
    value = optparse.Option.TYPE_CHECKER["int"](option, flag, text)
    return cast("int", value)


def _decimal(option: optparse.Option, flag: str, text: str) -> float:
    value = numerals.decimal(text)
    if value is None:
        raise optparse.OptionValueError(f"option {flag}: invalid floating-point value: {text!r}")
    return value


class _Option(optparse.Option):
    TYPE_CHECKER = {**optparse.Option.TYPE_CHECKER, "int": _integer, "float": _decimal}  # noqa: RUF012


class Parser(optparse.OptionParser):
    """optparse, except that it raises where it would write to stderr and leave."""

    def error(self, msg: str) -> NoReturn:
        raise Invalid(f"{self.get_usage()}\n{echoes.name(msg, echoes.LONGEST)}\n")

    def print_help(self, file: object = None) -> NoReturn:
        # Help travels as the text of an error: that is where clients look for it.
        raise Invalid(self.format_help())


def parser(name: str, fields: Iterable[Field]) -> Parser:
    """The parser of a test's arguments; each goes by the name of its field, None where not given."""
    usage = f"Usage: task [task-options] {name} [test-options]"
    made = Parser(prog="task", usage=usage, option_class=_Option)
    for field in fields:
        flags = field.flags.split()
        # Only a switch is turned off with a flag; --no-delay is a flag like any other.
        opposites = _OPPOSITES.get(field.kind, ())
        negative = [flag for flag in flags if flag.startswith(opposites)]
        positive = [flag for flag in flags if flag not in negative]
        made.add_option(*positive, dest=field.name, help=field.help, **_ACTIONS[field.kind])
        if negative:
            help_no, action = (
                f"Do not: {field.help}",
                "store_true" if field.kind == "opt-out" else "store_false",
            )
            made.add_option(*negative, dest=field.name, help=help_no, action=action)
    return made


_ACTIONS: dict[str, dict[str, Any]] = {
    "string": {"action": "store"},
    "lower": {"action": "store"},
    "si": {"action": "store"},
    "json": {"action": "store"},
    "int": {"action": "store", "type": "int"},
    "float": {"action": "store", "type": "float"},
    "list": {"action": "append"},
    "flag": {"action": "store_true"},
    "switch": {"action": "store_true"},
    "opt-out": {"action": "store_false"},
}
_OPPOSITES: dict[str, str] = {"switch": "--no-", "opt-out": "--do-"}
