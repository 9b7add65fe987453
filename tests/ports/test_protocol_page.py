"""PROTOCOL.md says what the code does, all of it and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from sfa.ports import kin, port, process, protocol
from sfa.ports.spec import Clocks

PAGE = (Path(protocol.__file__).parent / "PROTOCOL.md").read_text()
FROM_CHILD = {frame.__name__.lower(): frame for frame in get_args(protocol.ChildFrame)}
FROM_PARENT = {frame.__name__.lower(): frame for frame in get_args(protocol.ParentFrame)}


def section(title: str, level: str = "#+") -> str:
    """What stands under a heading, up to the next one of its level or above."""
    head = re.search(rf"^({level}) {re.escape(title)}$", PAGE, re.M)
    assert head, f"there is no section {title!r}"
    end = re.compile(rf"^#{{1,{len(head[1])}}} ", re.M).search(PAGE, head.end())
    return PAGE[head.end() : end.start() if end else None]


def rows(title: str) -> list[list[str]]:
    """The first table of a section, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return table[2:]


def test_every_frame_has_its_section_under_who_sends_it() -> None:
    both = FROM_CHILD.keys() & FROM_PARENT.keys()
    for title, names in {
        "From the child": FROM_CHILD.keys() - both,
        "From the parent": FROM_PARENT.keys() - both,
        "From either side": both,
    }.items():
        assert set(re.findall(r"^#### (\w+)$", section(title), re.M)) == names


@pytest.mark.parametrize("name", FROM_CHILD | FROM_PARENT)
def test_a_frames_fields_and_what_they_are_without_one(name: str) -> None:
    frame = (FROM_CHILD | FROM_PARENT)[name]
    named = {row[0]: row[1] for row in rows(name)}
    own = [entry.name for entry in fields(frame)]
    assert list(named) == ["…" if key in ("payload", "args") else key for key in own]
    decode = protocol.decode_child if name in FROM_CHILD else protocol.decode_parent
    example = json.loads(examples(name)[0])
    for key, told in named.items():
        without = json.dumps({k: v for k, v in example.items() if k != key}).encode()
        _, _, default = told.partition(", ")
        if default:
            value = None if default == "none" else json.loads(default.strip("`"))
            assert getattr(decode(without), key) == value
        elif key != "…" and (name, key) not in BY_HAND:
            with pytest.raises(protocol.ProtocolError):
                decode(without)


BY_HAND = {("request", "id"), ("cancel", "id")}


def examples(title: str) -> list[str]:
    """The lines of a section that are frames."""
    return re.findall(r"^    (\{.*\})$", section(title), re.M)


def test_every_example_is_a_frame_of_its_section() -> None:
    seen = set()
    for title, decode in (
        ("From the child", protocol.decode_child),
        ("From the parent", protocol.decode_parent),
        ("From either side", protocol.decode_child),
        ("From either side", protocol.decode_parent),
        ("Checkpoint and resume", protocol.decode_parent),
    ):
        for line in examples(title):
            frame = decode(line.encode())
            seen.add(type(frame).__name__.lower())
            if title == "From the parent":
                assert protocol.encode(frame).decode().strip() == line
    assert seen == FROM_CHILD.keys() | FROM_PARENT.keys()


def test_limits() -> None:
    named = {row[0]: int(row[1]) for row in rows("Limits")}
    code = {
        name: getattr(module, name)
        for module in (protocol, port, process)
        for name in ("MAX_FRAME", "MAX_TEXT", "MAX_ID", "FLOOD", "RUBBISH", "STDERR_TAIL", "STDERR_RATE")
        if hasattr(module, name)
    }  # fmt: skip
    assert named == code


def test_kinds_of_error_verdicts_and_levels() -> None:
    lines = [line.split("|")[1].strip() for line in section("Kinds of error").splitlines() if line.startswith("| ")]  # fmt: skip
    kinds = [name for name in lines if name not in ("kind", "verdict")]
    assert kinds == [*get_args(protocol.Kind), *(k for k in get_args(port.FailureKind) if k not in get_args(protocol.Kind))]  # fmt: skip
    assert [row[0] for row in rows("Levels")] == list(get_args(protocol.Level))


def test_clocks_environment_and_version() -> None:
    assert [row[0] for row in rows("Clocks")] == [entry.name for entry in fields(Clocks)]
    assert rows("Clocks")[0][2] == f"{Clocks(stall=1, hard=1).silence:g} s"
    named = [name for row in rows("Environment") for name in row[0].split(", ")]
    assert named == ["SFA_PARENT_PID", kin.NAME, "PYTHONUNBUFFERED", *process.INHERITED]
    assert PAGE.startswith(f"# The port protocol, version {protocol.PROTOCOL}\n")


def test_every_link_leads_somewhere() -> None:
    heads = [head.lower().replace(" ", "-") for head in re.findall(r"^#+ (.+)$", PAGE, re.M)]
    for target in re.findall(r"\]\(#([\w-]+)\)", PAGE):
        name, _, number = target.rpartition("-")
        assert target in heads or (number.isdigit() and heads.count(name) > int(number))
