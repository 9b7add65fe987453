"""Uploads, downloads, ranges, lists and control, over HTTP."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from sfa.config import Config
from sfa.web.pages.tracks import SORTS, WORDS
from sfa.web.ranges import parsed
from sfa.web.uploads import titled
from tests.web.rows import World, sound

JSON = {"accept": "application/json"}


def test_a_raw_upload_becomes_a_track_and_a_job(
    owner: TestClient, world: World, web_config: Config
) -> None:
    body = sound(220.0, 1.0)
    headers = {**JSON, "x-filename": "Ana%20Torrent%20-%20H%C3%A1fen.wav"}
    answer = owner.post("/tracks", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    row = world.one(
        "SELECT t.*, j.model, j.status FROM tracks t JOIN processing_jobs j ON j.track_id = t.id"
    )
    assert (row["title"], row["artist"], row["status"]) == ("Háfen", "Ana Torrent", "waiting")
    assert row["model"] == "spectral", "no weights here, so the preview is chosen"
    assert answer.json()["address"] == f"/tracks/{row['id']}"
    assert (Path(web_config.store_address) / row["audio_key"]).read_bytes() == body
    assert world.one("SELECT count(*) AS n FROM procrastinate_jobs")["n"] == 1


def test_the_form_without_javascript_works(owner: TestClient, world: World) -> None:
    files = {"file": ("My Song.wav", sound(220.0, 0.5), "audio/wav")}
    answer = owner.post("/tracks", files=files, data={"model": "htdemucs"})
    assert answer.status_code == 303
    assert owner.get(answer.headers["location"]).status_code == 200
    assert world.one("SELECT model FROM processing_jobs")["model"] == "htdemucs"


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"these are the words of a song\n" * 200, 415, "begins like text"),
        ("Zeilen mit Umlauten: ä ö ü\n".encode() * 300, 415, "begins like text"),
        (b"%PDF-1.7 and more", 415, "a PDF"),
        (b"\x00\x01\x02\xfe\xff" * 900, 415, "no format"),
        (b"", 400, "empty"),
    ],
)
def test_what_is_not_audio_is_refused_at_once(
    owner: TestClient, world: World, web_config: Config, body: bytes, status: int, says: str
) -> None:
    answer = owner.post("/tracks?name=song.mp3", content=body, headers=JSON)
    assert answer.status_code == status
    assert says in answer.json()["error"]
    assert "song.mp3" in answer.json()["error"]
    assert world.one("SELECT count(*) AS n FROM tracks")["n"] == 0
    assert not [path for path in Path(web_config.store_address).rglob("*") if path.is_file()]


def test_what_is_too_large_is_refused(owner: TestClient, world: World, web_config: Config) -> None:
    body = sound(220.0, 1.0) + bytes(2_000_000)
    assert owner.post("/tracks", content=body, headers=JSON).status_code == 413

    def chunks() -> "list[bytes]":
        return [body[i : i + 65536] for i in range(0, len(body), 65536)]

    streamed = owner.post("/tracks", content=iter(chunks()), headers=JSON)
    assert streamed.status_code == 413
    assert "2 MB" in streamed.json()["error"]
    assert not [path for path in Path(web_config.store_address).rglob("*") if path.is_file()]


def test_an_unknown_model_leaves_no_track(owner: TestClient, world: World) -> None:
    answer = owner.post("/tracks?model=nonsense", content=sound(220.0, 0.2), headers=JSON)
    assert (answer.status_code, answer.json()["error"]) == (422, "There is no such model.")
    assert world.one("SELECT count(*) AS n FROM tracks")["n"] == 0


def test_audio_comes_in_ranges(owner: TestClient, world: World) -> None:
    track = world.done_track("Loop")
    stem = world.one("SELECT id, bytes FROM stems WHERE stem_type = 'drums'")
    whole = owner.get(f"/media/stems/{stem['id']}")
    assert (whole.status_code, whole.headers["content-type"], len(whole.content)) == (
        200,
        "audio/wav",
        stem["bytes"],
    )
    part = owner.get(f"/media/stems/{stem['id']}", headers={"range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 100-199/{stem['bytes']}"
    assert part.content == whole.content[100:200]
    assert (
        owner.get(f"/media/stems/{stem['id']}", headers={"range": "bytes=99999999-"}).status_code
        == 416
    )
    saved = owner.get(f"/media/tracks/{track}?download").headers["content-disposition"]
    assert saved.startswith("attachment")
    assert "Loop.wav" in saved


def test_audio_that_left_the_store_is_a_404_without_a_path(
    owner: TestClient, world: World, web_config: Config
) -> None:
    track = world.track("Gone")
    (Path(web_config.store_address) / "audio/gone.wav").unlink()
    answer = owner.get(f"/media/tracks/{track}")
    assert answer.status_code == 404
    assert str(web_config.var) not in answer.text


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", (0, 9)),
        ("bytes=90-", (90, 99)),
        ("bytes=-10", (90, 99)),
        ("bytes=50-999", (50, 99)),
        (None, None),
        ("bytes=0-1,5-6", None),
    ],
)
def test_ranges_are_read_as_http_says(header: str | None, expected: tuple[int, int] | None) -> None:
    assert parsed(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=9-3", "bytes=-0"])
def test_impossible_ranges_are_refused(header: str) -> None:
    with pytest.raises(ValueError):
        parsed(header, 100)


def shown(text: str) -> list[str]:
    """The titles on a page of tracks."""
    return [
        part.split("<")[0]
        for part in text.split('class="link-row"')[1:]
        for part in [part.split(">", 1)[1]]
    ]


def ids(text: str) -> list[str]:
    """The ids on a page of tracks."""
    return re.findall(r'class="link-row" href="/tracks/([0-9a-f-]{36})"', text)


def walk(owner: TestClient, address: str, of: Callable[[str], list[str]] = shown) -> list[str]:
    """The titles, or what else ``of`` finds, of every page from the address on."""
    seen: list[str] = []
    while address:
        text = owner.get(address).text
        seen += of(text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        address = following[1].replace("&amp;", "&") if following else ""
    return seen


def test_the_list_pages_by_key_and_searches(owner: TestClient, world: World) -> None:
    world.connection.execute(
        "INSERT INTO tracks (title, inserted_at) SELECT 'Song ' || n, now() - n * interval '1 minute' FROM generate_series(1, 120) n"
    )
    assert walk(owner, "/tracks") == [f"Song {n}" for n in range(1, 121)]
    assert walk(owner, "/tracks?sort=-newest") == [f"Song {n}" for n in range(120, 0, -1)]
    by_title = sorted(f"song {n}" for n in range(1, 121))
    assert [title.lower() for title in walk(owner, "/tracks?sort=title")] == by_title
    assert [title.lower() for title in walk(owner, "/tracks?sort=-title")] == by_title[::-1]
    assert len(shown(owner.get("/tracks", params={"q": "song 11"}).text)) == 11
    assert "No track matches" in owner.get("/tracks", params={"q": "100%_"}).text
    for wrong in (
        "before=nonsense",
        "sort=title&before=nonsense",
        "sort=-newest&before=WzFd",
        "sort=size",
        "slowest=fast",
    ):
        assert owner.get(f"/tracks?{wrong}").status_code == 400


def test_every_order_is_complete_whatever_is_equal_or_unknown(
    owner: TestClient, world: World
) -> None:
    """Each order against Python's, over three pages, with many equals and unknowns; what is unknown comes last both ways."""
    world.connection.execute(
        """INSERT INTO tracks (title, artist, duration_ms, heard_tempo, heard_camelot, inserted_at)
           SELECT (CASE n % 2 WHEN 0 THEN 'song ' ELSE 'Song ' END) || n % 40, CASE WHEN n % 5 > 0 THEN 'Ärtist ' || n % 7 END,
                  CASE WHEN n % 6 > 0 THEN 1000 * (1 + n % 4) END, CASE WHEN n % 3 > 0 THEN 100 + n % 2 + 0.25 END,
                  CASE WHEN n % 4 > 0 THEN (8 + n % 3) || CASE n % 2 WHEN 0 THEN 'A' ELSE 'B' END END, now() - n % 30 * interval '1 minute'
           FROM generate_series(1, 120) n"""
    )
    rows = world.connection.execute(
        """SELECT id, inserted_at AS newest, lower(title) AS title, coalesce(lower(artist), '') AS artist, heard_tempo AS tempo,
                  duration_ms AS length, lpad(heard_camelot, 3, '0') AS key FROM tracks"""
    ).fetchall()
    for sort in SORTS:
        known = [row for row in rows if row[sort] is not None]
        unknown = [row for row in rows if row[sort] is None]
        # Words are in the database's order, which is its collation's.
        words = {word: n for n, word in enumerate(_sorted_by(world, {row[sort] for row in known}))} if sort in WORDS else {}  # fmt: skip
        for sign in ("", "-"):
            falling = (sign == "-") != (sort == "newest")
            wanted = [
                str(row["id"])
                for part in (known, unknown)
                for row in sorted(
                    part,
                    key=lambda row: (words.get(row[sort], row[sort]) or 0, row["id"]),
                    reverse=falling,
                )
            ]
            assert walk(owner, f"/tracks?sort={sign}{sort}", ids) == wanted, sign + sort


def _sorted_by(world: World, words: set[str]) -> list[str]:
    told = world.connection.execute("SELECT w FROM unnest(%s::text[]) w ORDER BY w", [list(words)])
    return [row["w"] for row in told]


def test_tracks_are_found_by_what_they_are(owner: TestClient, world: World) -> None:
    for number, (tempo, key, camelot) in enumerate(((90, "C major", "8B"), (120, "A minor", "8A"), (128, "A minor", "8A"))):  # fmt: skip
        track = world.track(f"T{tempo}", None, seconds=1 + number)
        world.analysis(track)
        world.connection.execute(
            "UPDATE analysis_results SET tempo = %s, key = %s, camelot = %s WHERE track_id = %s",
            [tempo, key, camelot, track],
        )
    world.track("Unheard", "Zoe")
    assert walk(owner, "/tracks?slowest=100&fastest=125") == ["T120"]
    assert sorted(walk(owner, "/tracks?camelot=8A")) == ["T120", "T128"]
    assert walk(owner, "/tracks?sort=tempo") == ["T90", "T120", "T128", "Unheard"]
    assert walk(owner, "/tracks?sort=-tempo") == ["T128", "T120", "T90", "Unheard"]
    assert walk(owner, "/tracks?sort=-length")[0] == "Unheard"
    job = world.job(world.track("Broken"))
    world.claim()
    world.finish(job, "failed", "No.", "input")
    assert walk(owner, "/tracks?state=failed") == ["Broken"]
    assert walk(owner, "/tracks?state=active") == []
    world.done_track("Separated")
    assert walk(owner, "/tracks?stems=yes") == ["Separated"]
    assert "Separated" not in walk(owner, "/tracks?stems=no")


def test_many_tracks_are_worked_on_after_a_question(
    owner: TestClient, world: World, web_config: Config
) -> None:
    tracks = [world.track(f"Song {n}") for n in range(3)]
    other = world.one("INSERT INTO users (email) VALUES ('other@example.org') RETURNING id")["id"]
    theirs = world.track("Theirs", user_id=other)
    world.job(tracks[0])
    form = {"verb": "separate", "model": "spectral", "id": [*tracks, theirs]}
    assert "Separate 3 tracks with spectral?" in owner.post("/tracks/bulk", data=form).text
    done = owner.post("/tracks/bulk", data=form | {"sure": "1"})
    batch = world.one("SELECT id, total FROM sfa_batches")
    assert (done.headers["location"], batch["total"]) == (f"/batches/{batch['id']}", 3)
    assert world.one("SELECT count(*) AS n FROM processing_jobs")["n"] == 3, "one was there already"
    owner.post("/tracks/bulk?q=Song+2", data={"verb": "analyse", "all": "1", "sure": "1"})
    assert world.one("SELECT title FROM analysis_jobs JOIN tracks t ON t.id = track_id")["title"] == "Song 2"  # fmt: skip
    asked = owner.post("/tracks/bulk", data={"verb": "delete", "id": tracks})
    assert "Delete 3 tracks?" in asked.text
    owner.post("/tracks/bulk", data={"verb": "delete", "id": [*tracks[:2], theirs], "sure": "1"})
    left = world.connection.execute("SELECT title FROM tracks ORDER BY title").fetchall()
    assert [row["title"] for row in left] == ["Song 2", "Theirs"]
    kept = [path.name for path in Path(web_config.store_address).rglob("*.wav")]
    assert sorted(kept) == ["song-2.wav", "theirs.wav"]
    assert owner.post("/tracks/bulk", data={"verb": "eat", "id": tracks}).status_code == 400
    assert "Nothing to do" in owner.post("/tracks/bulk", data={"verb": "analyse"}).text


def test_jobs_are_cancelled_and_retried(owner: TestClient, world: World) -> None:
    job = world.job(world.track())
    assert owner.post(f"/jobs/{job}/cancel", headers={"hx-request": "true"}).status_code == 204
    assert world.one("SELECT status FROM processing_jobs")["status"] == "cancelled"
    again = owner.post(f"/jobs/{job}/cancel", headers=JSON)
    assert (again.status_code, "nothing to cancel" in again.json()["error"]) == (409, True)
    assert owner.post(f"/jobs/{job}/retry").status_code == 303
    assert world.one("SELECT status FROM processing_jobs")["status"] == "waiting"


def test_separating_twice_at_a_time_is_one_job(owner: TestClient, world: World) -> None:
    track = world.track()
    form = {"model": "spectral"}
    assert owner.post(f"/tracks/{track}/separate", data=form).status_code == 303
    assert owner.post(f"/tracks/{track}/separate", data=form).status_code == 409
    assert world.one("SELECT count(*) AS n FROM processing_jobs")["n"] == 1


def test_deleting_takes_the_audio_that_nobody_else_needs(
    owner: TestClient, world: World, web_config: Config
) -> None:
    store = Path(web_config.store_address)
    first, twin = world.done_track("Shared"), world.track("Shared")
    assert owner.post(f"/tracks/{first}/delete").status_code == 303
    left = sorted(str(path.relative_to(store)) for path in store.rglob("*.wav"))
    assert left == ["audio/shared.wav"], "the twin still needs it"
    owner.post(f"/tracks/{twin}/delete")
    assert not list(store.rglob("*.wav"))


@pytest.mark.parametrize(
    ("name", "title", "artist"),
    [
        ("a_b.mp3", "a b", None),
        ("X - Y.wav", "Y", "X"),
        ("C:\\dir\\z.flac", "z", None),
        (".mp3", ".mp3", None),
        ("\x00\n.wav", "Untitled", None),
    ],
)
def test_a_file_name_makes_a_title(name: str, title: str, artist: str | None) -> None:
    assert titled(name) == (title, artist)


def test_pages_escape_what_people_write(owner: TestClient, world: World) -> None:
    track = world.track('<script>alert("x")</script>', "<b>")
    for path in ("/", "/tracks", f"/tracks/{track}"):
        text = owner.get(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text
