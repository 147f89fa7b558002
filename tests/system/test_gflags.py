import pytest

from fcn_repro.system.gflags import Flag, GflagsParser, describe_flags, parse_flags

FLAGS = {
    "solver": Flag("", "a file"),
    "level": Flag(0, "a level"),
    "gray": Flag(False, ""),
    "resize_width": Flag(0, ""),
}


@pytest.mark.parametrize(
    "line",
    [
        "train -solver s -level 3",
        "train --solver s --level 3",
        "train -solver=s --level=3",
        "-level=3 --solver s train",
        "-level 1 train -solver s -level 0x3",
        "-level=3 -solver=s -- train",
    ],
)
def test_one_or_two_dashes_equals_or_blank_and_any_place_are_one_flag(line):
    options, others = parse_flags(line.split(), FLAGS)
    assert (options.solver, options.level, others) == ("s", 3, ["train"])


@pytest.mark.parametrize(
    ("line", "gray"),
    [("", 0), ("-gray", 1), ("--nogray", 0), ("-gray=no", 0), ("-gray=T", 1), ("-gray -nogray", 0)],
)
def test_a_bool_takes_no_argument_after_it(line, gray):
    options, others = parse_flags([*line.split(), "folder", "-"], FLAGS)
    assert (options.gray, others) == (gray, ["folder", "-"])


def test_a_value_may_begin_with_a_dash_and_a_name_may_have_dashes():
    assert parse_flags(["-level", "-2", "-solver", "-x", "--resize-width=4"], FLAGS)[0].__dict__ == {
        "solver": "-x", "level": -2, "gray": False, "resize_width": 4,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-speed 3", "-speed: got an unknown flag, expected one of -solver, -level"),
        ("--nolevel", "-nolevel: got an unknown flag"),
        ("-level", "-level: got no value"),
        ("-level=3.5", "-level=3.5: got '3.5', expected a whole number"),
        ("-gray=maybe", "-gray=maybe: got 'maybe', expected true or false"),
    ],
)
def test_refuses_what_gflags_refuses(line, message):
    with pytest.raises(ValueError, match=message):
        parse_flags(line.split(), FLAGS)


def test_help_lists_every_flag_with_its_default(capsys):
    assert "  -gray (; default: false)" in describe_flags(FLAGS)
    with pytest.raises(SystemExit) as ended:
        GflagsParser("About.", FLAGS, "FILE").parse(["x", "-help"])
    assert ended.value.code == 0
    assert "-log_dir" in (shown := capsys.readouterr().out) and "-solver (a file; default: '')" in shown


@pytest.mark.parametrize("line", ["-alsologtostderr", "--logtostderr=1", "-v 2", "-log_dir=logs -minloglevel 1"])
def test_glogs_flags_are_accepted(line):
    options, others = GflagsParser("About.", FLAGS, "FILE").parse([*line.split(), "verb"])
    assert others == ["verb"] and options.arguments == [*line.split(), "verb"]
