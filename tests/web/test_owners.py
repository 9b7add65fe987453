"""Every address that there is, tried by a stranger and by somebody else: what is not theirs is not there.

A new route fails here until TABLE says who may. A new page of the stream is tried by itself.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from sfa.accounts import User, digest
from sfa.config import Config
from sfa.db import Database
from sfa.web.app import create_app
from sfa.web.failures import Forbidden, Missing
from sfa.web.pages.page import rendered
from sfa.web.pages.watched import PAGES
from sfa.web.render import Renderer
from tests.web.conftest import ADDRESS, sign_in_token
from tests.web.rows import World

SECRET = "Secret Song"

# Who may: "open" without signing in · "own" whoever is signed in, and sees his own alone · "owned" only whose it is,
# to everybody else it is not there (404) · "admin" an administrator (403) · "stream" see the test of the stream.
TABLE = {
    "GET /": "own",
    "GET /tracks": "own",
    "POST /tracks": "own",
    "GET /tracks/{track}": "owned",
    "GET /tracks/{track}/mixer": "owned",
    "GET /tracks/{track}/analysis": "owned",
    "GET /tracks/{track}/stems/live": "owned",
    "POST /tracks/{track}/separate": "owned",
    "POST /tracks/{track}/cloud": "owned",
    "POST /cloud/key": "own",
    "GET /tracks/{track}/waveform": "owned",
    "POST /tracks/{track}/export": "owned",
    "POST /tracks/{track}/delete": "owned",
    "POST /tracks/{track}/grid": "owned",
    "POST /tracks/{track}/cues": "owned",
    # Before the page's, which deletes it.
    "GET /api/v1/cues/{cue}": "owned",
    "PATCH /api/v1/cues/{cue}": "owned",
    "DELETE /api/v1/cues/{cue}": "owned",
    "POST /cues/{cue}": "owned",
    "GET /tracks/{track}/analysis.json": "owned",
    "GET /tracks/{track}/rekordbox.xml": "owned",
    "POST /tracks/bulk": "own",
    "POST /uploads": "own",
    "PATCH /uploads/{upload}": "owned",
    "DELETE /uploads/{upload}": "owned",
    "GET /imports": "own",
    "POST /imports": "own",
    "GET /imports/{import}": "owned",
    "POST /imports/{import}/choose": "owned",
    "POST /tracks/{track}/download": "owned",
    "GET /media/covers/{track}": "owned",
    "GET /spotify/connect": "own",
    "GET /spotify/callback": "own",
    "POST /spotify/forget": "own",
    "GET /schedule": "own",
    "POST /schedule/{queue}": "admin",
    "GET /words/{language}.js": "open",
    "GET /batches": "own",
    "GET /batches/{batch}": "owned",
    "POST /batches/{batch}": "owned",
    "GET /notifications": "own",
    "POST /notifications": "own",
    "GET /ports": "own",
    "POST /ports/{queue}": "admin",
    "GET /storage": "own",
    "POST /storage": "own",
    "GET /models": "own",
    "POST /models/{queue}": "admin",
    "GET /settings": "own",
    "POST /settings": "own",
    "POST /settings/{queue}": "admin",
    "GET /jobs": "own",
    "POST /jobs/bulk": "own",
    "GET /jobs/{job}": "owned",
    "POST /jobs/{job}/cancel": "owned",
    "POST /jobs/{job}/retry": "owned",
    "GET /queues": "own",
    "POST /queues/{queue}": "admin",
    "GET /account": "own",
    "POST /account/password": "own",
    "POST /account/sessions": "own",
    "POST /account/sessions/{session}": "owned",
    "POST /account/tokens": "own",
    "POST /account/cloud": "own",
    "POST /account/tokens/{token}": "owned",
    "GET /users": "admin",
    "POST /users": "admin",
    "GET /users/{user}": "admin",
    "POST /users/{user}": "admin",
    "GET /audit": "admin",
    "GET /mailbox": "admin",
    "GET /media/stems/{stem}": "owned",
    "GET /media/tracks/{track}": "owned",
    "GET /media/exports/{export}": "owned",
    "GET /media/pieces/{job}/{stem_type}/{number}": "owned",
    "GET /events": "stream",
    "GET /health": "open",
    "GET /health/live": "open",
    "GET /metrics": "admin",
    "GET /sign-in": "open",
    "POST /sign-in": "open",
    "POST /sign-in/link": "open",
    "GET /sign-in/{link}": "open",
    "POST /sign-in/{link}": "open",
    "GET /sign-up": "open",
    "POST /sign-up": "open",
    "POST /sign-out": "own",
    "GET /static/dist": "open",
    "GET /api/v1/openapi.json": "open",
    "GET /api/v1/me": "own",
    "GET /api/v1/models": "own",
    "GET /api/v1/queues": "own",
    "PATCH /api/v1/queues/{queue}": "admin",
    "GET /api/v1/events": "stream",
    "GET /api/v1/tracks": "own",
    "POST /api/v1/tracks": "own",
    "GET /api/v1/tracks/{track}": "owned",
    "GET /api/v1/tracks/{track}/audio": "owned",
    "GET /api/v1/tracks/{track}/analysis": "owned",
    "GET /api/v1/tracks/{track}/stems": "owned",
    "GET /api/v1/tracks/{track}/exports": "owned",
    "DELETE /api/v1/tracks/{track}": "owned",
    "GET /api/v1/stems/{stem}/audio": "owned",
    "GET /api/v1/exports/{export}/file": "owned",
    "GET /api/v1/job-kinds": "own",
    "GET /api/v1/jobs": "own",
    "POST /api/v1/jobs": "owned",
    "GET /api/v1/jobs/{job}": "owned",
    "PATCH /api/v1/jobs/{job}": "owned",
    "POST /api/v1/jobs/{job}/cancel": "owned",
    "POST /api/v1/jobs/{job}/retry": "owned",
    "GET /api/v1/imports": "own",
    "POST /api/v1/imports": "own",
    "GET /api/v1/imports/{import}": "owned",
    "GET /api/v1/imports/{import}/items": "owned",
    "POST /api/v1/imports/{import}/choose": "owned",
    "GET /api/v1/tracks/{track}/cues": "owned",
    "POST /api/v1/tracks/{track}/cues": "owned",
    "GET /api/v1/tracks/{track}/cover": "owned",
    "POST /api/v1/covers": "owned",
    "GET /api/v1/tracks/{track}/grid": "owned",
    "POST /api/v1/tracks/{track}/grid": "owned",
    "DELETE /api/v1/tracks/{track}/grid": "owned",
    "GET /api/v1/batches": "own",
    "POST /api/v1/batches": "owned",
    "GET /api/v1/batches/{batch}": "owned",
    "GET /api/v1/batches/{batch}/members": "owned",
    "POST /api/v1/batches/{batch}/retry": "owned",
    "POST /api/v1/batches/{batch}/cancel": "owned",
}
# What each {id} of an address is the id of, by what comes before it.
IDS = {
    "/tracks/": "track",
    "/jobs/": "job",
    "/cues/": "cue",
    "/uploads/": "upload",
    "/imports/": "import",
    "/media/covers/": "track",
    "/batches/": "batch",
    "/account/sessions/": "session",
    "/account/tokens/": "token",
    "/users/": "user",
    "/media/stems/": "stem",
    "/media/tracks/": "track",
    "/media/exports/": "export",
    "/api/v1/tracks/": "track",
    "/api/v1/stems/": "stem",
    "/api/v1/exports/": "export",
    "/api/v1/jobs/": "job",
    "/api/v1/imports/": "import",
    "/api/v1/batches/": "batch",
    "/api/v1/cues/": "cue",
}
QUERIES = {"GET /tracks/{track}/mixer": "?job={job}"}
FORMS = {
    "POST /tracks/{track}/separate": {"model": "spectral"},
    "POST /tracks/{track}/cloud": {"operation": "demuser"},
    "POST /tracks/{track}/export": {"job": "{job}"},
    "POST /tracks/{track}/grid": {"tempo": "100"},
    "POST /tracks/{track}/cues": {"at": "1"},
    "POST /cues/{cue}": {"verb": "delete"},
    "POST /tracks/bulk": {"verb": "delete", "id": "{track}", "sure": "1"},
    "POST /imports/{import}/choose": {"verb": "all"},
    "POST /batches/{batch}": {"verb": "cancel"},
    "POST /jobs/bulk": {"verb": "cancel", "id": "{job}", "sure": "1"},
    "POST /queues/{queue}": {"verb": "pause"},
    "POST /storage": {"verb": "set", "kind": "previews", "keep": "9"},
    "POST /users": {"email": "third@example.org"},
    "POST /users/{user}": {"verb": "suspend", "sure": "1"},
}
BODIES: dict[str, dict[str, Any]] = {
    "PATCH /api/v1/queues/{queue}": {"paused": True},
    "POST /api/v1/jobs": {"kind": "analysis", "args": {"track_id": "{track}"}},
    "PATCH /api/v1/jobs/{job}": {"priority": 1},
    "POST /api/v1/imports": {"address": "spotify:track:6rqhFgbbKwnb9MLmUQDhG6"},
    "POST /api/v1/imports/{import}/choose": {"positions": [0]},
    "POST /api/v1/tracks/{track}/cues": {"position_ms": 2500},
    "PATCH /api/v1/cues/{cue}": {"label": "Other"},
    "POST /api/v1/tracks/{track}/grid": {"factor": 0.5},
    "POST /api/v1/covers": {"track_ids": ["{track}"]},
    "POST /api/v1/batches": {"operation": "analyze", "track_ids": ["{track}"]},
}


@dataclass
class Theirs:
    """What the first user has."""

    ids: dict[str, str]
    user: int


@pytest.fixture
def theirs(world: World) -> Theirs:
    """A user with one of everything."""
    user = world.one("INSERT INTO users (email) VALUES ('first@example.org') RETURNING id")["id"]
    track = world.track(SECRET, user_id=user)
    job = world.job(track)
    ids = {"user": str(user), "track": track, "job": job, "queue": "processing", "link": "made-up"}
    ids["stem"] = world.stems(track, job)[0]
    world.analysis(track)
    for kind, context, name in (("session", "session", None), ("token", "api", "nightly")):
        row = world.one(
            """INSERT INTO user_tokens (user_id, context, token_hash, name, scopes, expires_at)
               VALUES (%s, %s, sha256(%s), %s, %s, now() + interval '1 day') RETURNING id""",
            user, context, kind.encode(), name, ["read"] if name else [],
        )  # fmt: skip
        ids[kind] = str(row["id"])
    world.connection.execute(
        "INSERT INTO waveforms (audio_key, per_second, lows, highs) SELECT audio_key, 100, '1', '2' FROM tracks WHERE id = %s",
        [track],
    )
    ids["export"] = exported(world, track, job)
    ids["import"] = str(
        world.one(
            "INSERT INTO imports (user_id, address) VALUES (%s, 'spotify:album:6rqhFgbbKwnb9MLmUQDhG6') RETURNING id",
            user,
        )["id"]
    )
    world.connection.execute(
        "INSERT INTO import_items (import_id, position, title) VALUES (%s, 0, %s)",
        [ids["import"], SECRET],
    )
    ids["cue"] = str(
        world.one(
            "INSERT INTO cue_points (track_id, position_ms, label) VALUES (%s, 500, %s) RETURNING id",
            track,
            SECRET,
        )["id"]
    )
    ids["upload"] = uploading(world, user)
    cover = world.put("covers/secret.png", b"fLaC")
    world.connection.execute("UPDATE tracks SET album_art_key = %s WHERE id = %s", [cover, track])
    ids["batch"], ids["language"] = batch_of(world, user, track), "de"
    ids |= {"stem_type": "vocals", "number": "0"}
    key = world.put("pieces/secret.flac", b"fLaC")
    world.connection.execute(
        """INSERT INTO stem_pieces (processing_job_id, track_id, stem_type, number, first_frame, frames, sample_rate, audio_key)
           VALUES (%s, %s, 'vocals', 0, 0, 44100, 44100, %s)""",
        [job, track, key],
    )
    return Theirs(ids, user)


def batch_of(world: World, user: int, track: str) -> str:
    """A batch of the track alone."""
    row = world.one(
        "INSERT INTO batch_jobs (user_id, operation, track_ids) VALUES (%s, 'analyze', ARRAY[%s]::uuid[]) RETURNING id",
        user, track,
    )  # fmt: skip
    return str(row["id"])


def uploading(world: World, user: int) -> str:
    """A file that is on its way."""
    if world.one("SELECT to_regclass('uploads') AS there")["there"] is None:
        return str(uuid4())
    row = world.one(
        "INSERT INTO uploads (user_id, name, bytes) VALUES (%s, %s, 4) RETURNING id", user, SECRET
    )
    return str(row["id"])


def exported(world: World, track: str, job: str) -> str:
    """An export of the separation, with its file."""
    options = '{"of": "' + job + '", "package": "zip"}'
    made = world.one(
        "INSERT INTO processing_jobs (track_id, operation, options) VALUES (%s, 'export', %s) RETURNING id",
        track, options,
    )["id"]  # fmt: skip
    key = world.put(f"exports/{made}.zip", b"PK")
    row = world.one(
        """INSERT INTO exports (processing_job_id, track_id, separation_id, package, audio_key, file_name, bytes, sha256)
           VALUES (%s, %s, %s, 'zip', %s, 'secret.zip', 2, repeat('0', 64)) RETURNING id""",
        made, track, job, key,
    )  # fmt: skip
    return str(row["id"])


def named(path: str) -> str:
    """The path with the name of what its id is the id of."""
    for before, kind in IDS.items():
        if path.startswith(before):
            path = path.replace("{id}", f"{{{kind}}}")
    path = path.replace("{stem}/{number:int}", "{stem_type}/{number}")
    return path.replace("{name}", "{queue}").replace("/sign-in/{token}", "/sign-in/{link}")


def addresses(app: Starlette) -> Iterator[str]:
    """Every route of the application: “GET /tracks/{track}”."""
    for route in app.routes:
        if isinstance(route, Mount):
            yield f"GET {named(route.path)}"
        else:
            assert isinstance(route, Route)
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield f"{method} {named(route.path)}"


def dsn_of(client: TestClient) -> str:
    """The address of the application's database."""
    app = client.app
    assert isinstance(app, Starlette)
    return str(app.state.services.config.database_url)


def ask(client: TestClient, address: str, ids: dict[str, str]) -> Any:
    method, path = address.split(" ")
    if path.startswith("/api/"):
        return client.request(method, path.format(**ids), **as_program(client, address, ids))
    form = {name: value.format(**ids) for name, value in FORMS.get(address, {}).items()}
    body: dict[str, Any] = {"data": form} if method != "GET" else {}
    path += QUERIES.get(address, "")
    return client.request(method, path.format(**ids), **body)


def as_program(client: TestClient, address: str, ids: dict[str, str]) -> dict[str, Any]:
    """The same person's token, made when he signed in, and a body."""
    sent: dict[str, Any] = {"headers": {}}
    if client.cookies and (token := client.headers.get("x-token")):
        sent["headers"]["authorization"] = f"Bearer {token}"
    if address in BODIES:
        sent["json"] = json.loads(json.dumps(BODIES[address]).replace("{track}", ids["track"]))
    return sent


def sign_in(client: TestClient, world: World, user: int) -> None:
    """A session and a token, both of the user."""
    client.cookies.clear()
    client.get(f"/sign-in/{sign_in_token(dsn_of(client), user)}")
    token = f"sfa_{uuid4().hex}"
    world.connection.execute(
        """INSERT INTO user_tokens (user_id, context, token_hash, name, scopes)
           VALUES (%s, 'api', %s, 'program', '{read,write,admin}')""",
        [user, digest(token)],
    )
    client.headers["x-token"] = token


def everything(world: World) -> list[Any]:
    """What the first user has, to see that nobody changed it."""
    tables = (
        "tracks",
        "processing_jobs",
        "stems",
        "exports",
        "user_tokens WHERE name = 'nightly'",
        "queues",
        "import_items",
        "cue_points",
        "users WHERE email <> 'second@example.org'",
        "batch_jobs",
        "batch_members",
        "analysis_jobs",
        "grid_corrections",
        "grids",
        "cover_jobs",
    )
    return [
        world.connection.execute(f"SELECT * FROM {table} ORDER BY 1".encode()).fetchall()
        for table in tables
    ]


def test_the_table_names_every_route(web_config: Config) -> None:
    routes = set(addresses(create_app(web_config)))
    missing = routes - set(TABLE)
    assert not missing, f"say in TABLE who may, and have it tried: {sorted(missing)}"


@pytest.fixture
def second(web_config: Config, world: World, theirs: Theirs) -> Iterator[TestClient]:
    """Somebody else, signed in, without limits."""
    user = world.one("INSERT INTO users (email) VALUES ('second@example.org') RETURNING id")["id"]
    from dataclasses import replace

    app = create_app(replace(web_config, rate_limit=0))
    headers = {"sec-fetch-site": "same-origin"}
    with TestClient(app, base_url=ADDRESS, headers=headers, follow_redirects=False) as client:
        sign_in(client, world, user)
        yield client


def there_are(client: TestClient) -> list[tuple[str, str]]:
    """The addresses of TABLE that the application has, and who may."""
    assert isinstance(client.app, Starlette)
    routes = set(addresses(client.app))
    return [(address, who) for address, who in TABLE.items() if address in routes]


def test_somebody_else_gets_nothing_by_any_route(
    second: TestClient, world: World, theirs: Theirs
) -> None:
    before = everything(world)
    cookie = second.cookies["sfa_session"]
    for address, who in there_are(second):
        if who == "stream":
            continue
        if not second.cookies:
            second.cookies.set("sfa_session", cookie)
        answer = ask(second, address, theirs.ids)
        said = f"{address}: {answer.status_code}"
        if who == "owned":
            assert answer.status_code == 404, said
        elif who == "admin":
            assert answer.status_code == 403, said
        else:
            assert answer.status_code < 500, said
        assert SECRET not in answer.text, said
        assert b"fLaC" not in answer.content, said
        if address == "POST /sign-out":
            assert second.get("/").status_code == 401
            sign_in(second, world, theirs.user + 1)
            cookie = second.cookies["sfa_session"]
    assert everything(world) == before, "and nothing was changed"


def test_the_first_user_gets_it_by_the_same_addresses(
    second: TestClient, world: World, theirs: Theirs
) -> None:
    """So that the test before cannot pass because of a wrong address."""
    sign_in(second, world, theirs.user)
    for address, who in there_are(second):
        if who == "owned" and not address.endswith("/delete") and not address.startswith("DELETE"):
            answer = ask(second, address, theirs.ids)
            assert answer.status_code not in (401, 403, 404, 500), (
                f"{address}: {answer.status_code}"
            )


def test_a_stranger_gets_nothing_by_any_route(
    second: TestClient, world: World, theirs: Theirs
) -> None:
    second.cookies.clear()
    before = everything(world)
    for address, who in there_are(second):
        answer = ask(second, address, theirs.ids)
        if who == "open":
            assert answer.status_code != 500, address
        else:
            assert answer.status_code == 401, f"{address}: {answer.status_code}"
        assert SECRET not in answer.text, address
    assert everything(world) == before


def test_no_change_is_made_for_another_site(second: TestClient, theirs: Theirs) -> None:
    for address, _who in there_are(second):
        method, path = address.split(" ")
        if method != "GET" and not path.startswith("/api/"):
            answer = second.request(
                method, path.format(**theirs.ids), headers={"sec-fetch-site": "cross-site"}
            )
            assert answer.status_code == 403, address


@pytest.mark.parametrize("name", PAGES)
async def test_the_stream_shows_nobody_elses(
    name: str, world: World, theirs: Theirs, database: Database, web_config: Config
) -> None:
    app = create_app(web_config, database)
    other = world.one("INSERT INTO users (email) VALUES ('second@example.org') RETURNING id")["id"]
    query = {"page": name} | theirs.ids | {"id": theirs.ids["track"]}
    scope = {
        "type": "http", "method": "GET", "path": "/events", "headers": [], "path_params": {},
        "query_string": urlencode(query).encode(), "app": app,
        "sfa.user": User(other, "second@example.org", "user", uuid4()),
    }  # fmt: skip
    async with database.session() as session:
        try:
            page = PAGES[name](Request(scope))
            pieces = rendered(Renderer(), page, await page.load(session))
        except (Missing, Forbidden):
            return
    assert SECRET not in "".join(pieces.values())
