"""Command lines by the rules of gflags, which Caffe's programs use.

-name and --name are one flag; its value follows after = or as the next argument; flags stand before, between and after
other arguments; of a repeated flag the last counts. --name and --noname set a bool. Only -- ends the flags.

Source   gflags 2.2 gflags.cc (ParseNewCommandLineFlags, FlagValue::ParseFrom)
"""

from __future__ import annotations

import argparse
import sys
from types import SimpleNamespace
from typing import Any, Mapping, NamedTuple, NoReturn, Sequence, Union

Value = Union[str, int, bool]
WORDS = {**dict.fromkeys(("1", "t", "true", "y", "yes"), True), **dict.fromkeys(("0", "f", "false", "n", "no"), False)}


class Flag(NamedTuple):
    """The default of a flag, whose type is the flag's, and its help."""

    default: Value
    help: str


def parse_flags(arguments: Sequence[str], flags: Mapping[str, Flag]) -> tuple[Any, list[str]]:
    """Return the values of all flags, as attributes, and the other arguments.

    Raises   ValueError for an unknown flag, or a value of another type
    """
    values, others = {name: flag.default for name, flag in flags.items()}, []
    pending = list(arguments)
    while pending:
        argument = pending.pop(0)
        if argument == "--":
            others += pending
            break
        if len(argument) < 2 or argument[0] != "-":
            others.append(argument)
            continue
        given, equals, text = argument.lstrip("-").partition("=")
        name, is_off = _find_name(given, flags)
        is_bool = isinstance(flags[name].default, bool)
        if not equals and is_bool:
            text = "false" if is_off else "true"
        elif not equals:
            if not pending:
                raise ValueError(f"{argument}: got no value, expected one after it")
            text = pending.pop(0)
        values[name] = _parse_value(text, flags[name].default, argument)
    return SimpleNamespace(**values), others


def describe_flags(flags: Mapping[str, Flag]) -> str:
    """Return a line of help for each flag."""
    return "\n".join(f"  -{name} ({flag.help}; default: {_spell(flag.default)})" for name, flag in flags.items())


def _find_name(given: str, flags: Mapping[str, Flag]) -> tuple[str, bool]:
    """Return the flag's name, and whether it was given as --noname."""
    name = given.replace("-", "_")
    if name in flags:
        return name, False
    if name.startswith("no") and isinstance(getattr(flags.get(name[2:]), "default", None), bool):
        return name[2:], True
    raise ValueError(f"-{given}: got an unknown flag, expected one of {', '.join(f'-{known}' for known in flags)}")


def _parse_value(text: str, default: Value, argument: str) -> Value:
    if isinstance(default, bool):
        if text.lower() not in WORDS:
            raise ValueError(f"{argument}: got {text!r}, expected true or false")
        return WORDS[text.lower()]
    if isinstance(default, str):
        return text
    try:
        return int(text, 16 if text.lower().startswith(("0x", "-0x")) else 10)
    except ValueError:
        raise ValueError(f"{argument}: got {text!r}, expected a whole number") from None


def _spell(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


# -- programs ----------------------------------------------------------------------------------------------------------

# glog's flags: those with an effect here, and others that are accepted.
GLOG_FLAGS = {
    "log_dir": Flag("", "also log to a file in this folder"),
    "logtostderr": Flag(False, "log to no file"),
    "minloglevel": Flag(-1, "lowest level that is logged, 0 to 3; GLOG_minloglevel without it"),
}
ACCEPTED_FLAGS = {
    **dict.fromkeys(
        ("alsologtostderr", "colorlogtostderr", "log_prefix", "stop_logging_if_full_disk"), Flag(False, "")
    ),
    **dict.fromkeys(("stderrthreshold", "v", "logbufsecs", "logbuflevel", "max_log_size"), Flag(0, "")),
    **dict.fromkeys(("vmodule", "log_link", "log_backtrace_at"), Flag("", "")),
}


class GflagsParser:
    """Parses a program's command line: its own flags and glog's."""

    def __init__(self, description: str | None, flags: Mapping[str, Flag], usage: str) -> None:
        shown = {**flags, **GLOG_FLAGS}
        self._usage = usage
        self._flags = {**shown, **ACCEPTED_FLAGS}
        self._parser = argparse.ArgumentParser(
            description=f"{description}\n{describe_flags(shown)}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            usage=f"%(prog)s [-h] {usage}",
        )

    def parse(self, arguments: Sequence[str] | None) -> tuple[Any, list[str]]:
        """Return the flags as attributes, with `arguments` as they were given, and the other arguments.

        Help and errors end the program, with status 0 and 2.
        """
        given = sys.argv[1:] if arguments is None else list(arguments)
        if {*given} & {"-h", "-help", "--help"}:
            self._parser.parse_args(["--help"])
        try:
            options, others = parse_flags(given, self._flags)
        except ValueError as error:
            self.error(str(error))
        options.arguments = given
        return options, others

    def parse_counted(self, arguments: Sequence[str] | None, least: int, most: int) -> tuple[Any, list[str]]:
        """Parse flags and `least` to `most` other arguments."""
        options, others = self.parse(arguments)
        if not least <= len(others) <= most:
            self.error(f"got {len(others)} arguments, expected {self._usage}")
        return options, others

    def error(self, message: str) -> NoReturn:
        """End the program with status 2."""
        self._parser.error(message)
