"""The table of addresses: every one that there is, and who answers."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sfa.config import Config
from sfa.web.api.routes import api_routes
from sfa.web.doors import door_routes
from sfa.web.immutable import Immutable
from sfa.web.render import DIST
from sfa.web.routes.batches import batch, batch_steer, batches
from sfa.web.routes.covers import media_cover, track_download
from sfa.web.routes.cues import cue_add, cue_change
from sfa.web.routes.events import events
from sfa.web.routes.home import home
from sfa.web.routes.imports import import_begin, import_choose, import_show, imports_list
from sfa.web.routes.job import job
from sfa.web.routes.job_control import job_cancel, job_retry
from sfa.web.routes.jobs_bulk import jobs_bulk
from sfa.web.routes.jobs_list import jobs_list
from sfa.web.routes.media import media_stem, media_track
from sfa.web.routes.models import model_steer, models
from sfa.web.routes.news import news, news_steer
from sfa.web.routes.ports import port_steer, ports
from sfa.web.routes.queues import queue_steer, queues
from sfa.web.routes.schedule import schedule, schedule_steer
from sfa.web.routes.settings import setting_change, settings_choose, settings_show
from sfa.web.routes.spotify import spotify_callback, spotify_connect, spotify_forget
from sfa.web.routes.stems_live import media_piece, stems_live
from sfa.web.routes.storage import storage, storage_steer
from sfa.web.routes.track import track
from sfa.web.routes.track_cloud import cloud_key, track_cloud
from sfa.web.routes.track_data import track_analysis, track_mixer
from sfa.web.routes.track_delete import track_delete
from sfa.web.routes.track_export import media_export, track_export
from sfa.web.routes.track_files import track_json, track_rekordbox
from sfa.web.routes.track_grid import track_grid
from sfa.web.routes.track_separate import track_separate
from sfa.web.routes.track_waveform import track_waveform
from sfa.web.routes.tracks_bulk import tracks_bulk
from sfa.web.routes.tracks_list import tracks_list
from sfa.web.routes.tracks_upload import tracks_upload
from sfa.web.routes.uploads import upload_begin, upload_part
from sfa.web.routes.words import words

SMALL = 64 * 1024


def routes(config: Config) -> list[Route | Mount]:
    """Every address that there is."""
    # Room for the form around the file.
    upload = config.upload_limit_mb * 1_000_000 + SMALL
    return [
        Route("/", home),
        Route("/tracks", tracks_list),
        Route("/tracks", tracks_upload, methods=["POST"], max_body_size=upload),
        Route("/tracks/bulk", tracks_bulk, methods=["POST"]),
        Route("/uploads", upload_begin, methods=["POST"]),
        Route(
            "/uploads/{id}", upload_part, methods=["HEAD", "PATCH", "DELETE"], max_body_size=upload
        ),
        Route("/tracks/{id}", track),
        Route("/tracks/{id}/mixer", track_mixer),
        Route("/tracks/{id}/stems/live", stems_live),
        Route("/tracks/{id}/analysis", track_analysis),
        Route("/tracks/{id}/analysis.json", track_json),
        Route("/tracks/{id}/rekordbox.xml", track_rekordbox),
        Route("/tracks/{id}/separate", track_separate, methods=["POST"]),
        Route("/tracks/{id}/export", track_export, methods=["POST"]),
        Route("/tracks/{id}/waveform", track_waveform),
        Route("/tracks/{id}/grid", track_grid, methods=["POST"]),
        Route("/tracks/{id}/delete", track_delete, methods=["POST"]),
        Route("/tracks/{id}/cues", cue_add, methods=["POST"]),
        Route("/cues/{id}", cue_change, methods=["POST"]),
        Route("/jobs", jobs_list),
        Route("/jobs/bulk", jobs_bulk, methods=["POST"]),
        Route("/jobs/{id}", job),
        Route("/jobs/{id}/cancel", job_cancel, methods=["POST"]),
        Route("/jobs/{id}/retry", job_retry, methods=["POST"]),
        Route("/tracks/{id}/download", track_download, methods=["POST"]),
        Route("/media/covers/{id}", media_cover),
        Route("/spotify/connect", spotify_connect),
        Route("/spotify/callback", spotify_callback),
        Route("/spotify/forget", spotify_forget, methods=["POST"]),
        Route("/imports", imports_list),
        Route("/imports", import_begin, methods=["POST"]),
        Route("/imports/{id}", import_show),
        Route("/imports/{id}/choose", import_choose, methods=["POST"]),
        Route("/tracks/{id}/cloud", track_cloud, methods=["POST"]),
        Route("/cloud/key", cloud_key, methods=["POST"]),
        Route("/batches", batches),
        Route("/batches/{id}", batch),
        Route("/batches/{id}", batch_steer, methods=["POST"]),
        Route("/notifications", news),
        Route("/notifications", news_steer, methods=["POST"]),
        Route("/queues", queues),
        Route("/queues/{name}", queue_steer, methods=["POST"]),
        Route("/ports", ports),
        Route("/ports/{name}", port_steer, methods=["POST"]),
        Route("/schedule", schedule),
        Route("/schedule/{name}", schedule_steer, methods=["POST"]),
        Route("/storage", storage),
        Route("/storage", storage_steer, methods=["POST"]),
        Route("/models", models),
        Route("/models/{name}", model_steer, methods=["POST"]),
        Route("/settings", settings_show),
        Route("/settings", settings_choose, methods=["POST"]),
        Route("/settings/{name}", setting_change, methods=["POST"]),
        Route("/media/stems/{id}", media_stem),
        Route("/media/tracks/{id}", media_track),
        Route("/media/pieces/{job}/{stem}/{number:int}", media_piece),
        Route("/media/exports/{id}", media_export),
        Route("/words/{language}.js", words),
        Route("/events", events),
        *door_routes(),
        *api_routes(),
        Mount("/static/dist", Immutable(GZipMiddleware(StaticFiles(directory=DIST)))),
    ]
