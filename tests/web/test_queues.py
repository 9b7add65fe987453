"""The page of the queues: why what waits does not start, what is done a minute, who holds what."""

from starlette.testclient import TestClient

from tests.web.rows import World


def queue(text: str, name: str) -> str:
    """One queue's part of the page."""
    start = text.index(f'id="queue-{name}"')
    return text[start : text.index("</section>", start)]


def waiting(world: World) -> str:
    """A job that waits, a worker that could take it, and nothing in its way."""
    world.worker()
    return world.job(world.track())


def test_it_says_why_what_waits_does_not_start(owner: TestClient, world: World) -> None:
    world.job(world.track())
    assert "no worker serves the queue" in queue(owner.get("/queues").text, "processing")
    world.worker()
    assert "does not start" not in owner.get("/queues").text
    for change, said in (
        ("paused = true, paused_reason = 'fan'", "the queue is paused"),
        ("paused = false, breaker = 'open', breaker_until = now() + interval '1 minute'", "kept crashing"),
        ("breaker = 'half_open', breaker_until = NULL", "one job is being tried"),
        ("breaker = 'closed', concurrency = 1", "does not start"),
    ):  # fmt: skip
        world.connection.execute(f"UPDATE queues SET {change} WHERE name = 'processing'".encode())
        page = queue(owner.get("/queues").text, "processing")
        assert (said in page) == ("closed" not in change), change
    world.job(world.track("Two"))
    world.connection.execute(
        "UPDATE queues SET concurrency = 2, global_concurrency = 1 WHERE name = 'processing'"
    )
    world.claim()
    assert "the limit of all workers together" in queue(owner.get("/queues").text, "processing")
    world.connection.execute(
        "UPDATE queues SET concurrency = 1, global_concurrency = NULL WHERE name = 'processing'"
    )
    assert "every slot is taken" in queue(owner.get("/queues").text, "processing")
    world.connection.execute("UPDATE queues SET concurrency = 5 WHERE name = 'processing'")
    world.connection.execute(
        "UPDATE procrastinate_jobs SET lock = 'deck', status = status WHERE queue_name = 'processing'"
    )
    assert "another job of the same lock runs" in queue(owner.get("/queues").text, "processing")


def test_it_shows_who_holds_what_and_who_waits_for_it(owner: TestClient, world: World) -> None:
    assert "Resources" not in owner.get("/queues").text
    world.connection.execute(
        "INSERT INTO resources (host, name, capacity) VALUES ('h', 'gpu', 2), ('*', 'licence', 3)"
    )
    world.connection.execute(
        "UPDATE job_kinds SET needs = '{\"gpu\": 1.5}' WHERE task_name = 'processing'"
    )
    first = waiting(world)
    world.job(world.track("Two"))
    world.claim()
    page = owner.get("/queues").text
    assert "there is no room on a host (gpu)" in queue(page, "processing")
    assert "Wait for resources" in queue(page, "processing")
    assert f'href="/jobs/{first}"' in page
    assert "1.5<small> / 2</small>" in page
    assert "0<small> / 3</small>" in page
    assert "Nothing of it is in use." in page
    # Somebody else sees that something is held, and not by what.
    world.connection.execute("INSERT INTO users (email) VALUES ('other@example.org')")
    world.connection.execute("UPDATE processing_jobs SET user_id = (SELECT max(id) FROM users)")
    page = owner.get("/queues").text
    assert f'href="/jobs/{first}"' not in page
    assert "1.5<small> / 2</small>" in page


def test_it_shows_what_is_done_a_minute(owner: TestClient, world: World) -> None:
    assert "pace" not in owner.get("/queues").text
    world.connection.execute(
        """INSERT INTO queue_statistics (queue_name, minute, completed, failed, retried, lost, cancelled, released, seconds)
           SELECT 'processing', date_trunc('minute', now()) - n * interval '1 minute', CASE WHEN n < 5 THEN 3 ELSE 0 END, n / 30, 0, 0, 0, 0, 9
           FROM generate_series(1, 45) n"""
    )
    page = queue(owner.get("/queues").text, "processing")
    assert ">2.4</span>" in page  # four minutes with three, one with none
    assert f"{', '.join(['0'] * 26 + ['3'] * 4)}" in page
    assert "pace" not in queue(owner.get("/queues").text, "analysis")


def test_what_follows_another_job_is_held_and_not_scheduled(
    owner: TestClient, world: World
) -> None:
    first = waiting(world)
    world.connection.execute(
        "INSERT INTO processing_jobs (track_id, model, after) VALUES (%s, 'spectral', %s)",
        [world.track("Two"), first],
    )
    page = queue(owner.get("/queues").text, "processing")
    assert "They follow another job" in page
    row = world.one("SELECT held, scheduled FROM sfa_queues WHERE name = 'processing'")
    assert row == {"held": 1, "scheduled": 0}
