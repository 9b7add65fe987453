"""Stored texts are told in German: the matcher, the collection from the source, and every page that shows them."""

import errno
import http
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

import pytest
from starlette.testclient import TestClient

from sfa.languages import speaking, texts
from sfa.told import BLANK, DEPTH, MOST, SYSTEM, TEXTS, Told, told, told_log, tongue
from sfa.web.failures import TITLES
from tests.web.catalogue import sources, stored
from tests.web.checked import token
from tests.web.rows import World
from tests.web.told_python import Reader, python_texts
from tests.web.told_source import Module
from tests.web.told_sql import sql_texts, templates

if TYPE_CHECKING:
    from playwright.sync_api import Page

SMALL = Told(
    [
        ("separating", "trennt"),
        ("{name} is empty; give a file", "{name} ist leer; gib eine Datei"),
        ("given up: {error}", "aufgegeben: {error}"),
        ("{what} of “{title}” failed", "{what} von „{title}“ ist gescheitert"),
        ("The download", "Der Download"),
        ("port {name} took {used} of {allowed}", "{used} von {allowed} nahm Port {name}"),
        ("port {name} took its time", "Port {name} ließ sich Zeit"),
        ("{exception}: {error}", "{exception}: {error}"),
        ("{count} files are missing", "{count} Dateien fehlen"),
        ("{count} rows are gone", "{count} Zeilen sind fort"),
    ]
)


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("separating", "trennt"),
        ("my song.mp3 is empty; give a file", "my song.mp3 ist leer; gib eine Datei"),
        # Values come in another order, and keep what looks like a blank.
        ("port a{used} took 3 of 4", "3 von 4 nahm Port a{used}"),
        # The one with more words of its own is meant.
        ("port of took its time", "Port of ließ sich Zeit"),
        # Texts within texts, but never a title.
        ("given up: given up: a is empty; give a file", "aufgegeben: aufgegeben: a ist leer; gib eine Datei"),
        ("The download of “separating” failed", "Der Download von „separating“ ist gescheitert"),
        ("ValueError: separating", "ValueError: trennt"),
        ("2 files are missing; 3 rows are gone", "2 Dateien fehlen; 3 Zeilen sind fort"),
        # A blank may be empty, and may hold what stands around it.
        (" is empty; give a file", " ist leer; gib eine Datei"),
        ("is empty; is empty; give a file", "is empty; ist leer; gib eine Datei"),
    ],
)  # fmt: skip
def test_a_text_is_found_and_filled(english: str, german: str) -> None:
    assert SMALL.tell(english) == german


@pytest.mark.parametrize(
    "text",
    ["", "separating ", "nothing of ours", "port x took", "2 files are missing; and more", "Given up"],
)  # fmt: skip
def test_what_is_not_known_is_not_told(text: str) -> None:
    assert SMALL.tell(text) is None


def test_texts_within_texts_end_somewhere() -> None:
    deep = "given up: " * (DEPTH + 3) + "separating"
    assert SMALL.tell(deep) == "aufgegeben: " * DEPTH + "given up: " * 3 + "separating"


class Counted(str):
    """A text that counts how many characters are looked at, at most."""

    looked = 0

    def find(self, sub: str, start: Any = 0, end: Any = None, /) -> int:
        found = super().find(sub, start, end)
        stop = len(self) if end is None else end
        Counted.looked += (stop if found < 0 else found + len(sub)) - start
        return found

    def startswith(self, *args: Any) -> bool:
        Counted.looked += len(args[0])
        return super().startswith(*args)

    def endswith(self, *args: Any) -> bool:
        Counted.looked += len(args[0])
        return super().endswith(*args)

    def __getitem__(self, key: "SupportsIndex | slice") -> str:
        return Counted(super().__getitem__(key))


@pytest.mark.parametrize(
    "text",
    [
        "the " * (MOST // 4),
        ": " * (MOST // 2),
        "; " * (MOST // 2),
        ' (rule "' * (MOST // 8),
        " must be a number, not “" * (MOST // 24),
        "lalal.ai failed: " * (MOST // 17),
        "a crashed b times in a row: " * (MOST // 28),
        "“ is no  of a cron expression: they go from  to " * (MOST // 48),
        "x" * MOST,
    ],
    ids=range(9),
)
def test_a_hostile_text_costs_little_work(text: str) -> None:
    german, Counted.looked = tongue("de"), 0
    german.tell(Counted(text))
    # Every candidate walks over the text once at most, and so do those for each text within it.
    assert len(german.candidates(text)) <= 80
    assert Counted.looked <= 40 * len(text)


def test_a_text_that_is_too_long_is_left_alone() -> None:
    with speaking("de"):
        long = "given up after 3 pauses: " + "x" * MOST
        assert told(long) is long
        assert told(None) == ""
    assert told("separating") == "separating", "English is the language that is stored"


def test_a_log_is_told_line_by_line_and_a_childs_words_are_not() -> None:
    log = "12:00:01 separating\nseparating\n12:00:09 what is this\n12:00:10 downloading, 3.2 MB\n"
    with speaking("de"):
        assert told_log(log) == (
            "12:00:01 trennt\nseparating\n12:00:09 what is this\n12:00:10 lädt herunter, 3.2 MB\n"
        )
    assert told_log(log) == log


# ---------------------------------------------------------------- the collection


def read(source: str, tmp_path: Path) -> set[str]:
    """The templates of a file's source."""
    path = tmp_path / "code.py"
    path.write_text(source)
    return set(python_texts([path])[0])


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise InputError(f"{song.name} is empty")', {"{name} is empty"}),
        ('raise SfaError("a " "text")', {"a text"}),
        ('x = f"{a} of {b[0]} and {a} kB"\nraise SfaError(x)', {"{a} of {b} and {a2} kB"}),
        # Either of two, by a condition and by a variable.
        ('more = f", {n} MB" if n else ""\ncall.progress(1, f"getting{more}")', {"getting, {n} MB", "getting"}),
        # Through a function's parameter, and a method's result.
        ('def no(why):\n    raise InputError(why)\nno("it is late")\nno(f"{x} is late")', {"it is late", "{x} is late"}),
        ('def why():\n    return "it rained"\nraise InputError(why())', {"it rained"}),
        ('WORDS = {1: "it is cold"}\nraise InputError(WORDS.get(n, "nobody knows"))', {"it is cold", "nobody knows"}),
        # A text within a text stays a blank, and is a template of its own.
        ('def f():\n    error = "no room"\n    raise SfaError(f"given up: {error}")', {"given up: {error}", "no room"}),
        ('raise SfaError(str(error))', set()),
        ('log.info("not for people")', set()),
    ],
)  # fmt: skip
def test_templates_are_read_from_python(source: str, found: set[str], tmp_path: Path) -> None:
    assert read(source, tmp_path) == found


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("'it''s late'", ["it's late"]),
        ("""format('no "%s" in %s', NEW.what, left(q.task_name, 3))""", ['no "{what}" in {task_name}']),
        ("CASE WHEN a = 'x' THEN 'first one' ELSE format('%s rows', n) END", ["{n} rows", "first one"]),
        ("format('costs %s of %s', price, o ->> 'max')", ["costs {price} of {o}"]),
    ],
)  # fmt: skip
def test_templates_are_read_from_sql(expression: str, found: list[str]) -> None:
    assert list(templates(expression)) == found


def test_what_the_product_stores_is_collected() -> None:
    known = stored()
    for text in (
        "separating, {done} s of audio a second, {told} left",
        "{name} ended without a result: {how}",
        "killed by the kernel: out of memory",
        "the mail server {host}:{port} answered {code}: {message}",
        "the worker stopped renewing its lease",
        "{kind} crashed {moments} times in a row: {error}",
        "the run before is not over",
        "{what} of “{title}” failed",
        "There is nothing here. It may have been deleted, or it belongs to somebody else.",
        "in line at lalal.ai",
        "the job before it did not complete",
        "{removed} rows removed by rule",
    ):
        assert text in known, text
    assert len(known) > 350
    assert len(sql_texts()) > 90


def test_no_text_is_given_that_cannot_be_followed() -> None:
    """Where a message is neither a text nor found by following, it is one that was a text before: an error's own."""
    _, lost = python_texts(sources())
    handed_on = re.compile(
        r"\((str\(\w+\)( or None)?|error|message|told|error\.hint or str\(error\)|rule|str\(frame\)|(error\.)?diag\.message_primary or str\(error\))\)$"
    )
    assert [place for place in lost if not handed_on.search(place)] == []


def test_every_template_comes_back_as_its_own_translation() -> None:
    """None is hidden behind another that fits as well."""
    german, wrong, ours = tongue("de"), [], stored()
    for message in texts("de"):
        if message.id not in ours:
            continue
        text, translation = str(message.id), str(message.string)
        values = {name: f"⟨{number}⟩" for number, name in enumerate(BLANK.findall(text))}

        def filled(form: str, values: dict[str, str] = values) -> str:
            return BLANK.sub(lambda blank: values[blank[1]], form)

        if german.tell(filled(text)) != filled(translation):
            wrong.append((filled(text), german.tell(filled(text)), filled(translation)))
    assert wrong == []


def test_blanks_that_are_texts_are_named_so_somewhere() -> None:
    names = {name for text in stored() for name in BLANK.findall(text)}
    assert names >= TEXTS


def test_the_systems_words_are_what_it_says() -> None:
    said = {os.strerror(number) for number in errno.errorcode}
    assert set(SYSTEM) <= said
    assert set(TITLES) <= {status.phrase for status in http.HTTPStatus}


# ---------------------------------------------------------------- the pages

GERMAN = {"accept-language": "de", "accept": "text/html"}
CRASH = "demucs_runner ended without a result: killed by the kernel: out of memory"
ABSTURZ = "demucs_runner endete ohne Ergebnis: vom Kernel beendet: kein Arbeitsspeicher mehr"


def failed(world: World, error: str = CRASH) -> str:
    """A job that failed for good, with its certificate and its log."""
    track = world.track("Night Drive")
    job = world.job(track)
    world.claim()
    number, token = world.tokens[job]
    world.connection.execute(
        "SELECT * FROM sfa_finish_v1(%s, %s, 'failed', %s, 'resource', %s, NULL)",
        [number, token, error, '{"why": "crashed", "ended_by": "the kernel: out of memory", "last_stage": "loading the model", "peak_rss": 5000000}'],
    )  # fmt: skip
    world.connection.execute(
        "INSERT INTO job_logs (job_id, token, words) VALUES (%s, gen_random_uuid(), E'12:00:01 separating\n12:00:02 converting\n')",
        [number],
    )
    return job


def test_a_failed_job_speaks_german_wherever_it_is_shown(owner: TestClient, world: World) -> None:
    job = failed(world)
    track = world.one("SELECT track_id FROM processing_jobs WHERE id = %s", job)["track_id"]
    for address in ("/", "/jobs", f"/jobs/{job}", f"/tracks/{track}", "/notifications"):
        text = owner.get(address, headers=GERMAN).text
        assert ABSTURZ in text, address
        assert "ended without" not in text, address
        assert CRASH in owner.get(address, headers={"accept": "text/html"}).text, address
    text = owner.get(f"/jobs/{job}", headers=GERMAN).text
    for words in ("der Kernel: kein Arbeitsspeicher mehr", "lädt das Modell", "12:00:01 trennt", "12:00:02 wandelt um", "beendet durch", "Schritt zuletzt"):  # fmt: skip
        assert words in text
    for words in ("ended by", "last stage", "converting", "peak rss"):
        assert words not in text
    assert "Die Trennung von „Night Drive“ ist gescheitert" in owner.get("/notifications", headers=GERMAN).text  # fmt: skip


def test_the_database_and_the_api_keep_the_stored_language(owner: TestClient, world: World) -> None:
    job = failed(world)
    told_by_api = owner.get(
        f"/api/v1/jobs/{job}",
        headers={"accept-language": "de", "authorization": f"Bearer {token(world)}"},
    )
    assert told_by_api.json()["error"] == CRASH
    assert world.one("SELECT error FROM processing_jobs WHERE id = %s", job)["error"] == CRASH


def test_a_running_job_says_its_stage_in_german(owner: TestClient, world: World) -> None:
    track = world.track()
    job = world.job(track)
    world.claim()
    world.progress(job, 40, "separating, 3.21 s of audio a second, 1:20 left")
    for address in ("/", "/jobs", f"/jobs/{job}", f"/tracks/{track}"):
        text = owner.get(address, headers=GERMAN).text
        assert "trennt, 3.21 s Audio in der Sekunde, noch 1:20" in text, address
        assert "of audio a second" not in text, address


def test_queues_schedule_incidents_and_imports_speak_german(
    owner: TestClient, world: World
) -> None:
    run = world.connection.execute
    run(
        "UPDATE queues SET breaker = 'open', breaker_until = now() + interval '1 minute', breaker_why = %s WHERE name = 'processing'",
        [f"processing crashed 5 times in a row: {CRASH}"],
    )
    run("UPDATE schedules SET last_error = 'the run before is not over', skipped = 1 WHERE name = 'cleanup'")  # fmt: skip
    run(
        "INSERT INTO imports (address, title) VALUES ('https://open.spotify.com/playlist/37i9dQZF1DXcBWIGoYBM5M', 'Mix')"
    )
    found = world.one("SELECT id, queue_job_id FROM imports")
    run("UPDATE imports SET notice = %s", ["The list was changed again and again while it was read: import it once more for what may be missing."])  # fmt: skip
    run("INSERT INTO import_items (import_id, position, title, status, reason) VALUES (%s, 0, 'Gone', 'failed', 'it is an episode, not a track')", [found["id"]])  # fmt: skip
    for address, words, not_words in (
        ("/queues", f"processing stürzte 5-mal nacheinander ab: {ABSTURZ}", "times in a row"),
        ("/", f"processing stürzte 5-mal nacheinander ab: {ABSTURZ}", "times in a row"),
        ("/schedule", "der vorige Lauf ist nicht zu Ende", "the run before"),
        ("/ports", "stürzte 5-mal nacheinander ab", "times in a row"),
        ("/health", "stürzte 5-mal nacheinander ab", "times in a row"),
        (f"/imports/{found['id']}", "Die Liste wurde immer wieder geändert", "again and again"),
        (f"/imports/{found['id']}", "Es ist eine Episode, kein Titel", "an episode"),
    ):
        text = owner.get(address, headers=GERMAN).text
        assert words in text, address
        assert not_words not in text, address


def test_refusals_speak_german(owner: TestClient, world: World) -> None:
    headers = GERMAN | {"accept": "application/json"}
    said = owner.post("/imports", data={"address": "https://open.spotify.com/artist/x"}, headers=headers)  # fmt: skip
    assert said.json()["error"].startswith("Gib https://open.spotify.com/track/…")
    said = owner.get("/jobs?kind=No-Nonsense", headers=headers)
    assert said.json()["error"] == "Eine Art „No-Nonsense“ gibt es nicht."
    page = owner.get("/nowhere", headers=GERMAN | {"accept": "text/html"})
    assert "Nicht gefunden" in page.text
    assert "Not Found" not in page.text


def test_mails_are_in_the_language_that_was_chosen(owner: TestClient, world: World) -> None:
    def language() -> str:
        return str(world.one("SELECT language FROM notification_settings")["language"])

    owner.post("/notifications", data={"verb": "mail", "kind": "failed"}, headers=GERMAN)
    assert language() == "de"
    owner.post("/settings", data={"lang": "en"}, headers=GERMAN)
    assert language() == "en"
    assert world.one("SELECT by_mail FROM notification_settings")["by_mail"] == ["failed"]
    # As the browser says again.
    owner.post("/settings", data={"lang": ""}, headers=GERMAN)
    assert language() == "de"


@pytest.mark.browser
def test_a_live_page_tells_a_failure_in_german_and_holds_no_english(
    page: "Page", world: World
) -> None:
    page.goto("/settings")
    page.get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("heading", name="Einstellungen").wait_for()
    job = world.job(world.track("Night Drive"))
    page.goto(f"/jobs/{job}")
    page.wait_for_selector("#live-state[data-state=live]")
    world.claim()
    world.progress(job, 10, "loading the model")
    page.get_by_text("lädt das Modell").first.wait_for()
    world.finish(job, "failed", CRASH, "crash")
    page.get_by_text(ABSTURZ).first.wait_for()
    english = re.compile(r"\b(the|ended|failed|without|loading|killed|is|of)\b")
    for address in (f"/jobs/{job}", "/", "/jobs", "/notifications", "/queues", "/schedule", "/imports", "/ports"):  # fmt: skip
        page.goto(address)
        for place in (".reason", ".row-error", ".job .quiet", ".state", ".hint", ".facts dt"):
            for words in page.locator(place).all_inner_texts():
                assert english.search(words) is None, (address, words)


def test_a_reader_follows_names_no_further_than_it_may(tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text("a = b\nb = a\nraise SfaError(a)\n")
    of = Module(path)
    assert set(Reader(of).read(of.calls["SfaError"][0].args[0])) == {None}
