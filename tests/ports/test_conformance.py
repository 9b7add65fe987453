"""The conformance suite: children in plain shell and C keep every rule, and those of the zoo break the right ones."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfa.cli import main
from sfa.ports import kin
from sfa.ports.conformance import CHECKS, Bench, check, judge
from sfa.ports.talk import ANSWERS, LEFTOVERS, PROGRESS, STDOUT
from tests.ports.fates import ZOO

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _adopt() -> Iterator[None]:
    """What leaves a child's group falls to us, as it does to a worker."""
    kin.adopt()
    yield
    kin.adopt(False)


async def test_a_child_in_plain_shell_keeps_every_rule() -> None:
    await _passes(("sh", str(HERE / "plain.sh")))


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
async def test_a_child_in_plain_c_keeps_every_rule(tmp_path: Path) -> None:
    await _passes((_built(tmp_path / "plain"),))


async def test_a_child_on_our_own_loop_keeps_every_rule() -> None:
    found = await check(Bench((sys.executable, "-m", "tests.ports.resumer")), at_once=2)
    # Its op dies of its own: what needs a call that goes well is broken, the loop's own part is not.
    assert {v.check: v.text for v in found if v.state == "broken"}.keys() <= NEED_A_CALL


NEED_A_CALL = {"call", "ids", "pieces", "together", "fields", "op", "rubbish", "longest", "too-long", "cancel", "late-cancel", "eof"}  # fmt: skip


def _built(program: Path) -> str:
    subprocess.run(["cc", "-Wall", "-Werror", "-o", program, HERE / "plain.c"], check=True)
    return str(program)


async def _passes(command: tuple[str, ...]) -> None:
    found = await check(Bench(command, "count", {"to": 8}, grace=20), at_once=3)
    assert {v.check: v.text for v in found if v.state != "ok"} == {"heartbeat": "it promises none"}
    assert [verdict.check for verdict in found] == list(CHECKS)


BROKEN = [
    ("never_ready", "hello", "it did not say hello after 1 s"),
    ("dies_at_start", "hello", "exit code 3 (no such library)"),
    ("hangs", "call", "a request had not ended"),
    ("hangs", "eof-busy", "it was still there 1 s after its stdin ended during a request"),
    ("hangs", "parent-gone", "both pipes were closed"),
    ("ignores_sigterm", "cancel", "a request had not ended after 0.5 s"),
    ("ignores_sigterm", "sigterm", "it was still there 1 s after a SIGTERM"),
    ("exits_without_result", "call", "it ended without being asked to: exit code 0"),
    ("segfaults", "call", "killed by SIGSEGV"),
    ("result_then_dies", "call", "it ended without being asked to: exit code 1"),
    ("closes_stdout", "call", "it closed its stdout"),
    ("never_reads_stdin", "longest", "it does not read its stdin"),
    ("good", "rubbish", "it ended without being asked to: exit code 1"),
    ("good", "op", "it gave a result for an operation that it does not have"),
    ("prints_from_c", STDOUT, "a line is no frame: a line is not JSON: 'a library of C greets you'"),
    ("nan_result", STDOUT, "a line is no frame: a line is not JSON"),
    ("half_a_line", STDOUT, "it ended in the middle of a line"),
    ("rubbish", PROGRESS, "progress fell from 80 to 20"),
    ("wrong_id", PROGRESS, "there was progress of \"somebody else's\", which nobody asked"),
    ("wrong_id", ANSWERS, "it answered \"somebody else's\", which nobody asked"),
    ("answers_twice", ANSWERS, "it answered one request twice"),
    ("daemon_then_result", LEFTOVERS, "it ended and left 1 processes"),
]  # fmt: skip


@pytest.mark.parametrize(("behaviour", "rule", "how"), BROKEN)
async def test_a_breach_is_found_and_named(behaviour: str, rule: str, how: str) -> None:
    bench = Bench((sys.executable, "-S", str(ZOO), behaviour), grace=1, seconds=3)
    if rule == "hello" and behaviour == "never_ready":
        bench.start = 1
    if (watched := CHECKS[rule][1] is None) and rule == LEFTOVERS:
        assert (await judge("eof", bench)).state == "ok"
    elif watched:
        await judge("call", bench)
    text = bench.breaches[rule] if watched else (await judge(rule, bench)).text
    assert how in text


def test_the_command_gives_verdicts_and_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--", sys.executable, "-c", "print('not a child')"]
    assert main(["port", "check", "--json", *command]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [verdict["state"] for verdict in said] == ["broken"] + ["skipped"] * (len(CHECKS) - 1)
    assert main(["port", "check", *command]) == 1
    assert "✗ hello" in capsys.readouterr().out
    for wrong in (["--args", "{"], ["--args", "[]"], ["--args", '{"x":1}'], ["--grace", "0"]):
        assert main(["port", "check", *wrong, *command]) == 1
        assert "--" in capsys.readouterr().err


def test_the_command_is_content_with_a_sound_child(capsys: pytest.CaptureFixture[str]) -> None:
    script = str(HERE / "plain.sh")
    assert main(["port", "check", "--grace", "20", "--", "sh", script]) == 0
    assert "rules are kept" in capsys.readouterr().out
