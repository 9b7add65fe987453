"""Health for machines and for people, and the metrics, read by Prometheus' own parser."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from sfa.config import Config
from sfa.keyring import Key
from tests.web.checked import token
from tests.web.conftest import sign_in_token
from tests.web.rows import World

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(client: TestClient, **headers: str) -> Samples:
    """Every sample of /metrics; the parser refuses what is not the format."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


def attempt(world: World, model: str, verdict: str, seconds: float) -> None:
    """A job whose only attempt took so long, and ended an hour ago."""
    job = world.job(world.track(seconds=0.1), model)
    world.claim()
    world.finish(
        job,
        verdict,
        "why" if verdict == "failed" else None,
        "input" if verdict == "failed" else None,
    )
    world.connection.execute(
        """UPDATE attempts SET ended_at = now() - interval '1 hour', started_at = now() - interval '1 hour' - make_interval(secs => %s)
           WHERE job_id = %s""",
        [seconds, world.tokens[job][0]],
    )


def test_attempts_are_counted_once_and_for_good(owner: TestClient, world: World) -> None:
    attempt(world, "spectral", "completed", 0.05)
    attempt(world, "spectral", "completed", 5)
    attempt(world, "spectral", "failed", 20)
    first = scraped(owner)
    done = {"kind": "processing", "verdict": "completed"}
    assert of(first, "sfa_attempts_total", **done) == 2
    assert of(first, "sfa_attempts_total", kind="processing", verdict="failed") == 1
    below = {
        le: of(first, "sfa_attempt_seconds_bucket", le=le, **done)
        for le in ("0.1", "1.0", "5.0", "+Inf")
    }
    assert below == {"0.1": 1, "1.0": 1, "5.0": 2, "+Inf": 2}
    assert of(first, "sfa_attempt_seconds_sum", **done) == pytest.approx(5.05, abs=0.01)
    assert scraped(owner)["sfa_attempts_total", tuple(sorted(done.items()))] == 2, (
        "asking again adds nothing"
    )
    # What is forgotten stays counted; what came meanwhile is added.
    world.connection.execute("DELETE FROM procrastinate_jobs")
    assert world.one("SELECT count(*) AS n FROM attempts")["n"] == 0
    attempt(world, "spectral", "completed", 1)
    assert of(scraped(owner), "sfa_attempts_total", **done) == 3


def test_an_attempt_that_has_just_ended_is_counted_but_not_rolled_up(
    owner: TestClient, world: World
) -> None:
    job = world.job(world.track())
    world.claim()
    world.finish(job)
    assert of(scraped(owner), "sfa_attempts_total", kind="processing", verdict="completed") == 1
    assert world.one("SELECT count(*) AS n FROM attempt_totals")["n"] == 0
    assert of(scraped(owner), "sfa_attempts_total", kind="processing", verdict="completed") == 1


def test_queues_ports_programs_and_the_host_are_told(owner: TestClient, world: World) -> None:
    world.worker()
    world.job(world.track())
    world.connection.execute("UPDATE queues SET paused = true WHERE name = 'analysis'")
    world.connection.execute(
        "INSERT INTO port_children (worker_id, pid, port, state, rss, started_at) SELECT min(id), 7, 'analyzer', 'idle', 1000, now() FROM workers"
    )
    world.connection.execute(
        """INSERT INTO port_events (worker, port, pid, event, detail) VALUES ('w', 'an"al\\yzer', 7, 'removed', '{"reason": "memory"}')"""
    )
    world.connection.execute(
        "INSERT INTO programs (host, name, state, max_restarts, window_seconds, restarts) VALUES ('h', 'web', 'RUNNING', 5, 60, 2)"
    )
    told = scraped(owner)
    assert of(told, "sfa_queue_jobs", queue="processing", state="ready") == 1
    assert of(told, "sfa_queue_workers", queue="processing") == 1
    assert of(told, "sfa_queue_paused", queue="analysis") == 1
    assert of(told, "sfa_queue_next_wait_seconds", queue="processing") >= 0
    assert of(told, "sfa_port_children", port="analyzer", device="cpu", state="idle") == 1
    assert of(told, "sfa_port_removed_last_hour", port='an"al\\yzer', reason="memory") == 1
    assert of(told, "sfa_program_up", host="h", program="web") == 1
    assert of(told, "sfa_program_restarts", host="h", program="web") == 2
    assert of(told, "sfa_database_up") == 1
    assert of(told, "sfa_host_cpus") >= 1
    assert of(told, "process_resident_memory_bytes") > 0
    again = scraped(owner)
    assert of(again, "sfa_http_request_seconds_count", kind="api", status="2xx") >= 1


def test_only_an_administrator_reads_metrics(
    owner: TestClient, web_config: Config, world: World
) -> None:
    right = f"Bearer {token(world, 1, '{metrics}', 'sfa_right')}"
    wrong = f"Bearer {token(world, 1, '{read,write}', 'sfa_wrong')}"
    other = world.one("INSERT INTO users (email) VALUES ('other@example.org') RETURNING id")["id"]
    theirs = f"Bearer {token(world, other, '{metrics}', 'sfa_theirs')}"
    owner.cookies.clear()
    assert owner.get("/metrics").status_code == 401
    assert scraped(owner, authorization=right)
    assert owner.get("/metrics", headers={"authorization": wrong}).status_code == 403
    assert owner.get("/metrics", headers={"authorization": theirs}).status_code == 403
    owner.get(f"/sign-in/{sign_in_token(web_config.database_url, other)}")
    assert owner.get("/metrics").status_code == 403


@pytest.fixture
def person(owner: TestClient) -> TestClient:
    """Somebody with a browser."""
    owner.headers["accept"] = "text/html"
    return owner


def test_the_page_says_what_is_amiss_and_what_to_do(person: TestClient, world: World) -> None:
    page = person.get("/health").text
    assert "Something needs you" in page
    assert "bin/sfa worker processing" in page
    world.worker()
    assert "All is well" in person.get("/health").text
    world.connection.execute(
        "UPDATE queues SET paused = true, paused_reason = 'fan' WHERE name = 'analysis'"
    )
    page = person.get("/health").text
    assert "Well, with a remark" in page
    assert "The queue analysis is paused: fan" in page
    world.connection.execute(
        "INSERT INTO programs (host, name, state, max_restarts, window_seconds) VALUES ('h', 'worker-analysis', 'FATAL', 5, 60)"
    )
    world.connection.execute(
        "INSERT INTO incidents (host, program, event) VALUES ('h', 'worker-analysis', 'fatal')"
    )
    page = person.get("/health").text
    assert "The program worker-analysis does not come up" in page
    assert "Incidents of the last day" in page


def test_the_page_says_that_a_key_is_missing(person: TestClient, world: World) -> None:
    world.worker()
    world.connection.execute(
        "INSERT INTO secrets (name, key_id, sealed) VALUES ('x', %s, %s)", [Key.new().id, b"x" * 40]
    )
    assert "their key is missing" in person.get("/health").text


def test_a_user_sees_no_hosts_and_a_stranger_no_page(
    person: TestClient, web_config: Config, world: World
) -> None:
    world.worker()
    assert "This host" in person.get("/health").text
    other = world.one("INSERT INTO users (email) VALUES ('other@example.org') RETURNING id")["id"]
    person.cookies.clear()
    answer: Any = person.get("/health")
    assert answer.json()["status"] == "ok"
    person.get(f"/sign-in/{sign_in_token(web_config.database_url, other)}")
    page = person.get("/health").text
    assert "All is well" in page
    assert "This host" not in page
    assert person.get("/health/live").json() == {"status": "ok"}


def test_every_metric_is_explained_in_the_readme_or_by_itself(owner: TestClient) -> None:
    text = owner.get("/metrics").text
    names = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE sfa_")}
    helped = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# HELP sfa_")}
    assert names == helped
    assert Path(__file__).parents[2].joinpath("README.md").read_text().count("/metrics") >= 1
