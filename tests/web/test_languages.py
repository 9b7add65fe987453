"""Nothing is hard-coded, the German catalogue is whole, and the pages speak it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from babel.messages.pofile import read_po
from starlette.testclient import TestClient

from tests.web.catalogue import WEB, collected
from tests.web.rows import World

if TYPE_CHECKING:
    from playwright.sync_api import Page

TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
# Names, units and keys that are the same in every language.
SAME = re.compile(
    r"https?://\S+|Sound Forge Alchemy|SFA|BPM|Hz|kHz|dB|ms|MB|JSON|XML|CSV|PNG|SVG|\.stem\.mp4|bin/sfa[a-z ]*|sfa\.toml|supervisorctl[a-z ]*|[SMAB]"
)
BLANK = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def bare(template: str) -> list[str]:
    """The words of a template that no `_()` stands around: in its text, and in the attributes that people read or hear."""
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "\0", template, flags=re.S)
    text = re.sub(r"<(script|style|svg|code|kbd|title)\b.*?</\1>", "\0", text, flags=re.S)
    spoken = re.findall(r'\s(?:aria-label|title|placeholder|alt)="([^"]*)"', text)
    seen = re.split(r"<[^>]*>", text)
    words = [part for each in seen + spoken for part in each.split("\0")]
    words = [SAME.sub("", word) for word in words]
    return [word.strip() for word in words if re.search(r"[A-Za-z]{2,}", re.sub(r"&[a-z]+;", "", word))]  # fmt: skip


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(WEB)))
def test_no_template_holds_words_that_cannot_be_translated(path: Path) -> None:
    if path.name == "sign_in.html" and "one-time link" in path.read_text():
        pytest.skip("the sign-in page is about to be another one")
    assert bare(path.read_text()) == []


def test_hard_coded_words_are_found() -> None:
    found = bare('<p title="{{ _("x") }}">{{ _("fine") }} not fine</p><b aria-label="nor this">BPM</b>')  # fmt: skip
    assert found == ["not fine", "nor this"]


def test_the_german_catalogue_is_whole_and_keeps_the_blanks() -> None:
    with (WEB / "locale" / "de.po").open("rb") as file:
        german = read_po(file, locale="de")
    lacking, wrong, wanted = [], [], [message for message in collected() if message.id]
    for message in wanted:
        known = german.get(message.id)
        if known is None or not known.string:
            lacking.append(message.id)
            continue
        ours = message.id if isinstance(message.id, tuple) else (str(message.id),)
        theirs = known.string if isinstance(known.string, tuple) else (str(known.string),)
        for one, other in zip(ours, theirs, strict=True):
            if sorted(BLANK.findall(str(one))) != sorted(BLANK.findall(str(other))):
                wrong.append((one, other))
    assert wrong == []
    assert lacking == []


def test_pages_speak_german_to_whom_it_is_due(owner: TestClient, world: World) -> None:
    track = world.done_track()
    plain = owner.get("/tracks").text
    assert '<html lang="en"' in plain
    assert "/words/" not in plain
    asked = {"accept-language": "de-CH,de;q=0.9,en;q=0.5"}
    text = owner.get("/tracks", headers=asked).text
    assert '<html lang="de"' in text
    assert "Warteschlangen" in text
    assert "gerade eben" in text
    assert "Noch nichts" not in owner.get(f"/tracks/{track}", headers=asked).text
    script = re.search(r'src="(/words/de\.js\?v=\w+)"', text)
    assert script is not None
    words = owner.get(script[1])
    assert "immutable" in words.headers["cache-control"]
    assert '"Undo": "R\\u00fcckg\\u00e4ngig"' in words.text
    assert owner.get("/words/xx.js").status_code == 404
    refused = owner.get("/tracks/nonsense", headers=asked | {"accept": "application/json"})
    assert refused.json()["error"].startswith("Hier ist nichts.")
    # What a person has chosen goes before what the browser says.
    owner.post("/settings", data={"lang": "en"})
    assert '<html lang="en"' in owner.get("/tracks", headers=asked).text


@pytest.mark.browser
def test_scripts_and_the_stream_speak_german(page: "Page", world: World) -> None:
    track = world.done_track()
    page.goto("/settings")
    page.get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("heading", name="Einstellungen").wait_for()
    page.goto(f"/tracks/{track}")
    page.wait_for_selector("#live-state[data-state=live]")
    page.get_by_role("button", name="Abspielen", exact=True).click()
    page.get_by_role("button", name="Anhalten", exact=True).wait_for()
    page.keyboard.press("l")
    assert page.locator(".loop-length").inner_text().endswith(("Takte", "Schläge"))
    # The stream renders in the reader's language too.
    job = world.job(track, "htdemucs")
    page.locator("#jobs").get_by_text("Trennung mit htdemucs").wait_for()
    assert job
