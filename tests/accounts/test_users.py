"""`bin/sfa users`: what an administrator does without a browser."""

from __future__ import annotations

import re
from argparse import Namespace

import psycopg
import pytest

from sfa.commands import users
from sfa.config import Config
from sfa.errors import SfaError

WHO = "singer@example.org"


def run(config: Config, action: str, address: str = "", new: str = "") -> None:
    assert users.main(config, Namespace(action=action, address=address, new=new)) == 0


def test_a_user_s_life(config: Config, dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(config, "add", WHO)
    assert re.search(r"http://127.0.0.1:4000/sign-in/[\w-]{43}\n", capsys.readouterr().out)
    run(config, "admin", WHO.upper())
    run(config, "suspend", "owner@localhost")
    run(config, "readmit", "owner@localhost")
    run(config, "email", WHO, "diva@example.org")
    run(config, "user", "diva@example.org")
    run(config, "list")
    said = capsys.readouterr().out
    assert "diva@example.org" in said
    assert "never came in" not in said.splitlines()[-1], "who was given an address by hand has it"
    with psycopg.connect(dsn) as connection:
        log = connection.execute("SELECT action, target FROM audit_log ORDER BY id").fetchall()
    assert [action for action, _ in log] == [
        "user.add", "user.admin", "user.suspend", "user.readmit", "user.email", "user.user",
    ]  # fmt: skip


def test_what_cannot_be_done_says_why(config: Config) -> None:
    run(config, "add", WHO)
    for action, address, new, words in (
        ("suspend", "owner@localhost", "", "last administrator"),
        ("user", "owner@localhost", "", "last administrator"),
        ("suspend", "singre@example.org", "", "did you mean singer@example.org"),
        ("add", WHO.title(), "", "account already"),
        ("add", "nobody", "", "no e-mail address"),
        ("email", WHO, "owner@localhost", "account already"),
        ("email", WHO, "", "say the new address"),
        ("link", "", "", "say whom"),
    ):
        with pytest.raises(SfaError, match=words):
            run(config, action, address, new)
    run(config, "suspend", WHO)
    with pytest.raises(SfaError, match="suspended"):
        run(config, "link", WHO)
