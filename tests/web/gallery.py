"""A small house with everything in it: every page of the dashboard, with something to show, by name."""

import json

from tests.web.rows import World

STILL = ("settings", "audit", "mailbox")
"""Pages that nothing changes while they are open."""


def resources(world: World) -> None:
    """What a host has, who holds it and who waits for it, and half an hour's work by the minute."""
    world.connection.execute(
        """INSERT INTO resources (host, name, capacity) VALUES ('h', 'memory_gb', 8), ('h', 'gpu', 1), ('*', 'licence', 2);
           UPDATE leases SET held = '{"memory_gb": 6, "gpu": 1}' WHERE job_id = (SELECT min(job_id) FROM leases);
           INSERT INTO resource_waits (job_id, host, needs) SELECT id, 'h', '{"memory_gb": 3}' FROM procrastinate_jobs
           WHERE queue_name = 'processing' AND status = 'todo' AND scheduled_at IS NULL;
           INSERT INTO queue_statistics (queue_name, minute, completed, failed, retried, lost, cancelled, released, seconds)
           SELECT 'processing', date_trunc('minute', now()) - n * interval '1 minute', n % 7, n % 11 / 10, 0, 0, 0, 0, 9 FROM generate_series(1, 25) n"""
    )


def gallery(world: World) -> dict[str, str]:
    """Fill the house; the address of each page."""
    world.worker()
    for title, artist in (
        ("Harbour Lights", "Ana Torrent"),
        ("A Rather Long Title That Has to Go Somewhere", None),
    ):
        world.done_track(title, artist, seconds=6)
    broken = world.track("Field Recording", None)
    job = world.job(broken, "htdemucs")
    world.claim()
    world.finish(
        job,
        "failed",
        "The weights of htdemucs are not here and could not be fetched. Put them into var/models, or choose spectral.",
        "resource",
    )
    busy = world.track("Night Drive", "The Testers")
    running = world.job(busy)
    world.claim()
    world.progress(running, 42, "separating, 3 of 7")
    number, token = world.tokens[running]
    world.connection.execute(
        "SELECT sfa_log_v1(ARRAY[%s::bigint], ARRAY[%s::uuid], ARRAY[%s])",
        [number, token, "12:00:01 reading\n12:00:03 separating, 3 of 7\n"],
    )
    track = world.done_track("Morning Session", "The Testers")
    other = world.job(track, "htdemucs")
    world.claim()
    world.stems(track, other)
    world.finish(other)
    for place, kind, label in ((1000, "hot", "Drop"), (4500, "memory", "Outro")):
        world.one("SELECT sfa_cue_add(%s, %s, %s, %s)", track, place, kind, label)
    world.one("SELECT sfa_loop_add(%s, 2000, 4000, 'Loop 4')", track)
    batch = many(world)
    world.job(world.track("Waiting Song", "Somebody"), "htdemucs_ft")
    tree(world)
    resources(world)
    return {
        "home": "/",
        "tracks": "/tracks",
        "account": "/account",
        "health": "/health",
        "audit": "/audit",
        "users": "/users",
        "user": f"/users/{people(world)}",
        "mailbox": "/mailbox",
        "track": f"/tracks/{track}",
        "running": f"/tracks/{busy}",
        "jobs": "/jobs",
        "jobs-failed": "/jobs?status=failed",
        "job": f"/jobs/{job}",
        "job-running": f"/jobs/{running}",
        "batches": "/batches",
        "batch": f"/batches/{batch}",
        "queues": "/queues",
        "ports": "/ports",
        "schedule": "/schedule",
        "models": "/models",
        "storage": "/storage?kind=exports",
        "settings": "/settings",
    }


def many(world: World) -> str:
    """A batch with members in every state; its id."""
    made = world.one(
        """WITH t AS (INSERT INTO tracks (title, user_id, audio_key, duration_ms)
               SELECT 'Concert, Part ' || n, sfa_local_owner(), 'audio/part-' || n || '.wav', 1000 FROM generate_series(1, 9) n RETURNING id, title)
           SELECT array_agg(id ORDER BY title) AS ids FROM t"""
    )
    batch = world.one(
        "INSERT INTO batch_jobs (title, model, track_ids) VALUES ('Live at the Harbour', 'spectral', %s) RETURNING id",
        made["ids"],
    )["id"]
    rows = world.connection.execute(
        "SELECT job_id FROM batch_members WHERE batch_id = %s ORDER BY position", [batch]
    ).fetchall()
    jobs = [str(row["job_id"]) for row in rows]
    world.claim()
    world.finish(jobs[0])
    world.finish(jobs[1], "failed", "The file holds no sound; give a file with sound in it.", "input")  # fmt: skip
    world.progress(jobs[2], 42, "separating, 3 of 7")
    world.connection.execute("UPDATE batch_members SET job_id = NULL, reason = 'The licence is used up.' WHERE job_id = %s", [jobs[3]])  # fmt: skip
    world.one("SELECT sfa_cancel(%s)", jobs[8])
    return str(batch)


def people(world: World) -> int:
    """A handful of users, in all the states there are; the id of one with a session and a token."""
    world.connection.execute(
        """INSERT INTO users (email, role, status, confirmed_at, password_hash, inserted_at) VALUES
           ('ana.torrent@example.org', 'user', 'active', now(), 'x', now() - interval '40 days'),
           ('gone@example.org', 'user', 'suspended', now(), NULL, now() - interval '30 days'),
           ('a-rather-long-address-that-has-to-go-somewhere@studio.example.org', 'admin', 'active', now(), NULL, now() - interval '9 days'),
           ('invited@example.org', 'user', 'active', NULL, NULL, now())"""
    )
    user = int(world.one("SELECT id FROM users WHERE email LIKE 'ana%%'")["id"])
    for context, hours, scopes in (("session", 2, []), ("session", 30, []), ("api", 50, ["read", "write"])):  # fmt: skip
        world.connection.execute(
            """INSERT INTO user_tokens (user_id, context, token_hash, how, agent, name, scopes, address, seen_at, expires_at)
               VALUES (%s, %s, sha256(%s), 'password', 'Mozilla/5.0 (X11; Linux) Firefox/140.0', 'nightly script', %s, '192.0.2.7',
                       now() - %s * interval '1 hour', now() + interval '9 days')""",
            [user, context, f"{context}{hours}".encode(), scopes, hours],
        )
    for action, target in (("session.start", "password"), ("token.make", "nightly script")):
        world.connection.execute(
            "INSERT INTO audit_log (user_id, actor, action, target, address) VALUES (%s, 'ana.torrent@example.org', %s, %s, '192.0.2.7')",
            [user, action, target],
        )
    track = world.track("Her Song", user_id=user)
    world.stems(track, world.job(track))
    return user


def tree(world: World) -> None:
    """Processes as a host reports them: two programs, one of them given up, a worker with a pool and a busy child."""
    for name, state, pid in (("web", "RUNNING", 300), ("w", "RUNNING", 1), ("worker-download", "FATAL", None)):  # fmt: skip
        world.connection.execute(
            """INSERT INTO programs (host, name, state, pid, rss, restarts, max_restarts, window_seconds)
               VALUES ('h', %s, %s, %s, 61000000, 1, 5, 60)""",
            [name, state, pid],
        )
    job, _token = next(iter(world.tokens.values()))
    pool = {"name": "demucs_runner/cpu", "strategy": "one_for_one", "size": 1, "restarts": 0, "max_restarts": 3, "window_seconds": 60}  # fmt: skip
    child = {"pid": 4711, "port": "demucs_runner", "device": "cpu", "state": "busy", "rss": 812000000, "calls": 3, "queue_job_id": job, "age": 50}  # fmt: skip
    world.connection.execute(
        "SELECT sfa_report_v1(%s, %s, %s, true)",
        [world.worker(), json.dumps([pool]), json.dumps([child])],
    )
    world.connection.execute(
        """INSERT INTO incidents (host, program, event, detail) VALUES ('h', 'worker-download', 'fatal', '{"exit_code": 1}')"""
    )
