"""The README is held to its word: its SQL runs, its drawing is the state machine, its settings exist."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import psycopg

from sfa.config import Config
from sfa.state import TRANSITIONS, Status

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_every_sql_example_runs_as_it_stands(dsn: str) -> None:
    examples = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    assert len(examples) >= 6
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO tracks (title, audio_key) VALUES ('a song', 'audio/a.wav')")
        for example in examples:
            for statement in filter(None, (part.strip() for part in example.split(";\n"))):
                connection.execute(statement.encode())
        kinds = connection.execute("SELECT kind, status FROM sfa_jobs ORDER BY kind").fetchall()
        paused = connection.execute("SELECT bool_or(paused) FROM queues").fetchone()
    assert {kind for kind, _ in kinds} == {"analysis", "processing", "lalalai"}
    assert {status for _, status in kinds} == {"waiting"}  # one was cancelled, and started afresh
    assert paused == (False,)


def test_the_rules_that_it_names_are_the_databases(dsn: str) -> None:
    rules = set(re.findall(r"\(`((?:processing|procrastinate)_jobs_\w+)`\)", README))
    assert len(rules) == 4
    with psycopg.connect(dsn) as connection:
        for rule in rules:
            found = connection.execute(
                "SELECT EXISTS (SELECT FROM pg_constraint WHERE conname = %(r)s) OR to_regclass(%(r)s) IS NOT NULL"
                " OR EXISTS (SELECT FROM pg_proc WHERE prosrc LIKE '%%' || %(r)s || '%%')",
                {"r": rule},
            ).fetchone()
            assert found == (True,), rule


def test_the_drawing_is_the_state_machine() -> None:
    drawing = re.search(r"stateDiagram-v2\n(.*?)```", README, re.DOTALL)
    assert drawing
    arrows = set(re.findall(r"^\s*(\w+) --> (\w+)", drawing[1], re.MULTILINE))
    assert arrows == {(a.value, b.value) for a, following in TRANSITIONS.items() for b in following}
    assert {status.value for status in Status} == set(
        re.findall(r"\w+", " ".join(f"{a} {b}" for a, b in arrows))
    )


def test_every_setting_is_documented() -> None:
    for field in fields(Config):
        name = "DATABASE_URL" if field.name == "database_url" else f"SFA_{field.name.upper()}"
        assert f"`{name}`" in README, name
        assert field.name in (Config.__doc__ or ""), field.name
