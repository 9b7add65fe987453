"""Every operation of the API: the routes and the OpenAPI document are made of this list."""

from __future__ import annotations

from sfa.web.api import batches, covers, cues, events, grid, imports, installation, jobs, tracks
from sfa.web.api.operation import Operation, Parameter
from sfa.web.api.paging import PAGING, PIECES
from sfa.web.pages.jobs import CHOICES
from sfa.web.routes.covers import media_cover
from sfa.web.routes.media import media_stem, media_track
from sfa.web.routes.track_export import media_export

BASE = "/api/v1"
AUDIO = "audio/*"
DOWNLOAD = (Parameter("download", "Have it saved under a good name, not played."),)
SEARCH = Parameter("q", "A part of the title or of the artist.")
FILTERS = (
    SEARCH,
    *(
        Parameter(name, f"Only jobs of this {name}.", {"type": "string", "enum": list(known)})
        for name, known in CHOICES.items()
    ),
    Parameter("detail", "Only jobs of this model."),
)
UPLOAD = (
    Parameter("name", "The file's name: “Artist - Title.mp3” tells both."),
    Parameter("title", "The title, if the name does not tell it."),
    Parameter("artist", "The artist, if the name does not tell it."),
    Parameter("model", "The model of the first separation; `none`: no separation."),
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="GET", path="/me", name="me", tag="installation", handler=installation.me,
        summary="Whose token this is, and what it may do", answer="Me",
    ),
    Operation(
        method="GET", path="/models", name="listModels", tag="installation", handler=installation.models,
        summary="What a track can be separated with", answer="Models",
    ),
    Operation(
        method="GET", path="/queues", name="listQueues", tag="installation", handler=installation.queues,
        summary="The queues at a glance", answer="Queues",
    ),
    Operation(
        method="PATCH", path="/queues/{name}", name="steerQueue", tag="installation", scope="admin",
        handler=installation.queue_steer, summary="Pause a queue, let it go on, or set its limit",
        body="SteerQueue", answer="Queue",
    ),
    Operation(
        method="GET", path="/events", name="streamEvents", tag="installation", raw=events.events,
        summary="What changes, as server-sent events", answer="text/event-stream",
        description=events.__doc__ or "",
    ),
    Operation(
        method="GET", path="/tracks", name="listTracks", tag="tracks", handler=tracks.tracks_list,
        summary="Your tracks, newest first", query=(SEARCH, *PAGING), answer="Tracks",
    ),
    Operation(
        method="POST", path="/tracks", name="uploadTrack", tag="tracks", raw=tracks.track_upload, scope="write",
        summary="Upload audio (the body is the file); it is separated at once", query=UPLOAD,
        answer="Uploaded", status=201, large=True,
    ),
    Operation(
        method="GET", path="/tracks/{id}", name="getTrack", tag="tracks", handler=tracks.track_show,
        summary="A track", answer="TrackDetail",
    ),
    Operation(
        method="DELETE", path="/tracks/{id}", name="deleteTrack", tag="tracks", raw=tracks.track_delete, scope="write",
        summary="Delete a track with its jobs, stems and audio", status=204,
    ),
    Operation(
        method="GET", path="/tracks/{id}/audio", name="getTrackAudio", tag="tracks", raw=media_track,
        summary="The original audio, in ranges", query=DOWNLOAD, answer=AUDIO,
    ),
    Operation(
        method="GET", path="/tracks/{id}/analysis", name="getAnalysis", tag="tracks", handler=tracks.track_analysis,
        summary="The newest analysis", answer="Analysis",
    ),
    Operation(
        method="GET", path="/tracks/{id}/stems", name="listStems", tag="tracks", handler=tracks.track_stems,
        summary="The stems of a track", answer="Stems",
    ),
    Operation(
        method="GET", path="/tracks/{id}/exports", name="listExports", tag="tracks", handler=tracks.track_exports,
        summary="What was made of a track's separations", answer="Exports",
    ),
    Operation(
        method="GET", path="/tracks/{id}/cover", name="getCover", tag="tracks", raw=media_cover,
        summary="The cover of a track's album", answer="image/*",
    ),
    Operation(
        method="POST", path="/covers", name="fetchCovers", tag="tracks", handler=covers.covers_ask, scope="write",
        summary="Have the missing covers fetched of many tracks, or of all of an import", body="NewCovers",
        answer="JobDetail", status=201,
    ),
    Operation(
        method="GET", path="/tracks/{id}/grid", name="getGrid", tag="grid", handler=grid.grid_show,
        summary="The beat grid that counts", answer="Grid",
    ),
    Operation(
        method="POST", path="/tracks/{id}/grid", name="correctGrid", tag="grid", handler=grid.grid_correct, scope="write",
        summary="Double, halve, shift, tap or set it, without another analysis", body="CorrectGrid", answer="Grid",
    ),
    Operation(
        method="DELETE", path="/tracks/{id}/grid", name="resetGrid", tag="grid", handler=grid.grid_reset, scope="write",
        summary="Take every correction back", answer="Grid",
    ),
    Operation(
        method="GET", path="/tracks/{id}/cues", name="listCues", tag="cues", handler=cues.cues_list,
        summary="The cue points and loops of a track", answer="Cues",
    ),
    Operation(
        method="POST", path="/tracks/{id}/cues", name="createCue", tag="cues", handler=cues.cue_make, scope="write",
        summary="Set a cue point or a loop", body="NewCue", answer="Cue", status=201,
    ),
    Operation(
        method="GET", path="/cues/{id}", name="getCue", tag="cues", handler=cues.cue_show,
        summary="A cue point or a loop", answer="Cue",
    ),
    Operation(
        method="PATCH", path="/cues/{id}", name="changeCue", tag="cues", handler=cues.cue_change, scope="write",
        summary="Move it, name it, make it of another kind", body="ChangeCue", answer="Cue",
    ),
    Operation(
        method="DELETE", path="/cues/{id}", name="deleteCue", tag="cues", handler=cues.cue_delete, scope="write",
        summary="Delete it; an automatic one does not come back", status=204,
    ),
    Operation(
        method="GET", path="/stems/{id}/audio", name="getStemAudio", tag="tracks", raw=media_stem,
        summary="A stem's audio, in ranges", query=DOWNLOAD, answer=AUDIO,
    ),
    Operation(
        method="GET", path="/exports/{id}/file", name="getExportFile", tag="tracks", raw=media_export,
        summary="An export's file, in ranges", query=DOWNLOAD, answer="application/octet-stream",
    ),
    Operation(
        method="GET", path="/job-kinds", name="listJobKinds", tag="jobs", handler=jobs.job_kinds,
        summary="What can be enqueued, and what its args may say", answer="Kinds",
    ),
    Operation(
        method="GET", path="/jobs", name="listJobs", tag="jobs", handler=jobs.jobs_list,
        summary="Your jobs of every kind, newest first", query=(*FILTERS, *PAGING), answer="Jobs",
    ),
    Operation(
        method="POST", path="/jobs", name="createJob", tag="jobs", handler=jobs.job_make, scope="write",
        summary="Enqueue a job of any kind", body="NewJob", answer="JobDetail", status=201,
    ),
    Operation(
        method="GET", path="/jobs/{id}", name="getJob", tag="jobs", handler=jobs.job_show,
        summary="A job with its attempts", answer="JobDetail",
    ),
    Operation(
        method="PATCH", path="/jobs/{id}", name="moveJob", tag="jobs", handler=jobs.job_move, scope="write",
        summary="Another time, priority or needs for a job that waits, or a job that it follows", body="Steer", answer="JobDetail",
    ),
    Operation(
        method="POST", path="/jobs/{id}/cancel", name="cancelJob", tag="jobs", handler=jobs.job_cancel, scope="write",
        summary="Stop a job; one that runs ends within its grace period", answer="JobDetail",
    ),
    Operation(
        method="POST", path="/jobs/{id}/retry", name="retryJob", tag="jobs", handler=jobs.job_retry, scope="write",
        summary="Start a job afresh that failed or was cancelled", answer="JobDetail",
    ),
    Operation(
        method="GET", path="/imports", name="listImports", tag="imports", handler=imports.imports_list,
        summary="Your imports, newest first", query=PAGING, answer="Imports",
    ),
    Operation(
        method="POST", path="/imports", name="createImport", tag="imports", handler=imports.import_make, scope="write",
        summary="List what lies behind the address of a track, an album or a playlist", body="NewImport",
        answer="Import", status=201,
    ),
    Operation(
        method="GET", path="/imports/{id}", name="getImport", tag="imports", handler=imports.import_show,
        summary="An import", answer="Import",
    ),
    Operation(
        method="GET", path="/imports/{id}/items", name="listImportItems", tag="imports", handler=imports.import_items,
        summary="What an import found", query=PIECES, answer="ImportItems",
    ),
    Operation(
        method="POST", path="/imports/{id}/choose", name="chooseImport", tag="imports", handler=imports.import_choose,
        scope="write", summary="Have some of it, or all", body="Choice", answer="Chosen",
    ),
    Operation(
        method="GET", path="/batches", name="listBatches", tag="batches", handler=batches.batches_list,
        summary="Your batches, newest first", query=PAGING, answer="Batches",
    ),
    Operation(
        method="POST", path="/batches", name="createBatch", tag="batches", handler=batches.batch_make, scope="write",
        summary="One operation on many tracks, or on all of an import", body="NewBatch", most=512 * 1024, answer="Batch",
        status=201,
    ),
    Operation(
        method="GET", path="/batches/{id}", name="getBatch", tag="batches", handler=batches.batch_show,
        summary="A batch and how far it is", answer="Batch",
    ),
    Operation(
        method="GET", path="/batches/{id}/members", name="listBatchMembers", tag="batches", handler=batches.batch_members,
        summary="The tracks of a batch, and what became of each", query=batches.MEMBERS, answer="BatchMembers",
    ),
    Operation(
        method="POST", path="/batches/{id}/retry", name="retryBatch", tag="batches", handler=batches.batch_retry,
        scope="write", summary="Start afresh what failed or was refused", query=batches.RETRY, answer="BatchSteered",
    ),
    Operation(
        method="POST", path="/batches/{id}/cancel", name="cancelBatch", tag="batches", handler=batches.batch_cancel,
        scope="write", summary="Stop whatever has not ended; what runs ends within its grace period",
        answer="BatchSteered",
    ),
)  # fmt: skip
