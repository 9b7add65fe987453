"""A database as a busy installation leaves it: tracks with analyses and stems, very many jobs; written at once, without triggers."""

from __future__ import annotations

import json

import psycopg

FEATURES = {
    "mfcc": [0.0] * 13,
    "chroma": [0.5] * 12,
    "beats": [n / 2 for n in range(360)],
    "bars": [n * 2.0 for n in range(90)],
    "sections": [],
    "peaks": {"min": [-60] * 1000, "max": [60] * 1000},
    "series": {
        "times": [n / 2 for n in range(360)],
        "rms": [0.1] * 360,
        "centroid": [1500.0] * 360,
        "rolloff": [4000.0] * 360,
        "zcr": [0.1] * 360,
        "mfcc": [[1.0] * 360] * 13,
        "chroma": [[0.5] * 360] * 12,
    },
}
PEAKS = {"min": [-60] * 1000, "max": [60] * 1000}

TRACKS = """INSERT INTO tracks (user_id, title, artist, duration_ms, audio_key, inserted_at)
    SELECT 1, 'Song ' || md5(n::text), 'Artist ' || n %% 500, 60000 + abs(hashtext(n::text)) %% 300000, 'audio/bench.wav', now() - n * interval '1 minute'
    FROM generate_series(1, %s) n"""
ANALYSES = """INSERT INTO analysis_results (track_id, version, duration_ms, sample_rate, channels, tempo, tempo_confidence, key,
        key_confidence, camelot, energy, features)
    SELECT id, 2, 180000, 44100, 2, 60 + abs(hashtext(id::text)) %% 120, 0.9, 'A minor', 0.8, 1 + abs(hashtext('k' || id)) %% 12 || 'A', 0.5, %s
    FROM tracks"""
# What triggers would have made of them: the grid that counts, and what the track's row says of itself.
GRIDS = """INSERT INTO grids (track_id, source, tempo, confidence, metre, beats, bars)
    SELECT track_id, 'mix', tempo, tempo_confidence, 4, features -> 'beats', features -> 'bars' FROM analysis_results"""
HEARD = """UPDATE tracks t SET heard_tempo = a.tempo, heard_key = a.key, heard_camelot = a.camelot FROM analysis_results a WHERE a.track_id = t.id"""
# One in a thousand failed, one in a thousand waits, one in two thousand is of a rare model, one in ten thousand an export.
JOBS = """INSERT INTO processing_jobs (track_id, user_id, engine, model, operation, task_name, status, error, error_kind, started_at,
        finished_at, queue_job_id, inserted_at, options)
    SELECT ids[1 + n %% cardinality(ids)], 1, 'spectral', CASE WHEN n %% 2000 = 7 THEN 'mdx_extra' ELSE 'spectral' END,
        (CASE WHEN n %% 10000 = 9 THEN 'export' ELSE 'separate' END)::processing_operation,
        CASE WHEN n %% 10000 = 9 THEN 'export' ELSE 'processing' END, s.status, s.error, s.kind, now() - n * interval '3 seconds',
        CASE WHEN s.status <> 'waiting' THEN now() - n * interval '3 seconds' END, 10000000 + n, now() - n * interval '3 seconds',
        CASE n %% 1000 WHEN 5 THEN jsonb_build_object('overlap', (n / 1000 %% 9000) / 10000.0) ELSE '{}' END
    FROM generate_series(1, %s) n, (SELECT array_agg(id) AS ids FROM tracks) t,
        LATERAL (SELECT (CASE n %% 1000 WHEN 3 THEN 'failed' WHEN 5 THEN 'waiting' ELSE 'completed' END)::job_status AS status,
                        CASE n %% 1000 WHEN 3 THEN 'It fell over.' END AS error,
                        (CASE n %% 1000 WHEN 3 THEN CASE WHEN n %% 50000 = 3 THEN 'crash' ELSE 'internal' END END)::error_kind AS kind) s"""
STEMS = """INSERT INTO stems (track_id, processing_job_id, stem_type, audio_key, format, duration_ms, sample_rate, channels, bytes, sha256, peaks)
    SELECT j.track_id, j.id, kind, 'audio/bench.wav', 'wav', 180000, 44100, 2, 1000, repeat('0', 64), %s
    FROM (SELECT DISTINCT ON (track_id) id, track_id FROM processing_jobs WHERE status = 'completed' ORDER BY track_id) j,
         unnest('{vocals,drums,bass,other}'::text[]) kind"""


def fill(dsn: str, tracks: int, jobs: int) -> None:
    """Fill a migrated database; `dsn` is the superuser's, who may leave the triggers out."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("INSERT INTO objects (key) VALUES ('audio/bench.wav')")
        connection.execute(TRACKS, [tracks])
        connection.execute("ANALYZE tracks")
        connection.execute(ANALYSES, [json.dumps(FEATURES)])
        connection.execute(GRIDS)
        connection.execute(HEARD)
        connection.execute(JOBS, [jobs])
        connection.execute("ANALYZE processing_jobs")
        connection.execute(STEMS, [json.dumps(PEAKS)])
        connection.execute("SET session_replication_role = origin")
        connection.execute("VACUUM (ANALYZE)")
