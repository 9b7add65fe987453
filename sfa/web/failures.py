"""Answer what went wrong: a status, a sentence, and what to do; never a path, a statement or a secret."""

from __future__ import annotations

import logging
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sfa.errors import DatabaseUnavailable, InputError, ObjectMissing, Refused, SfaError, StoreError
from sfa.told import told
from sfa.web.buckets import TooMany
from sfa.web.names import mark
from sfa.web.services import html, is_api, is_htmx, wants_json

log = logging.getLogger(__name__)

SENTENCES = {
    404: mark("There is nothing here. It may have been deleted, or it belongs to somebody else."),
    405: mark("This address cannot do that."),
    413: mark("That is more than this server takes."),
    500: mark("Something went wrong here. It was written to the server's log."),
}
TITLES = (
    mark("Bad Request"), mark("Unauthorized"), mark("Forbidden"), mark("Not Found"), mark("Method Not Allowed"), mark("Conflict"),
    mark("Request Entity Too Large"), mark("Unsupported Media Type"), mark("Unprocessable Entity"), mark("Too Many Requests"),
    mark("Internal Server Error"), mark("Service Unavailable"),
)  # fmt: skip
"""What a page of an error is headed: HTTP's own words."""
RULES = {
    "processing_jobs_one_active": mark("This separation is waiting or running already."),
    "processing_jobs_format_known": mark(
        "Audio is made as wav, flac or mp3, a .stem.mp4 as aac or alac."
    ),
    "processing_jobs_model_fkey": mark("There is no such model."),
    "processing_jobs_export_of": mark(
        "This separation's stems are not here any more: separate the track again."
    ),
    "processing_jobs_export_four": mark(
        "A .stem.mp4 holds drums, bass, other and vocals: this separation lacks some."
    ),
    "processing_jobs_gains_of_stems": mark("A stem's gain lies between -60 and 12 dB."),
    "processing_jobs_package_known": mark("An export is a mix, a zip or a .stem.mp4."),
    "processing_jobs_bits_known": mark("wav is made with 16, 24 or 32 bits, flac with 16 or 24."),
    "grid_corrections_something": mark("Say what to correct."),
    "grid_corrections_need_analysis": mark(
        "The track has no analysis yet, hence no grid to correct."
    ),
    "grid_corrections_need_beats": mark(
        "The track has no beats to shift: tap them, or give a tempo."
    ),
    "grid_corrections_tempo_range": mark("That would leave 20 to 400 beats a minute."),
    "grid_corrections_metre_range": mark("A bar has 2 to 12 beats."),
    "grid_corrections_taps": mark("Tap four times or more, at 20 to 400 beats a minute."),
    "grid_corrections_places": mark("That lies outside of the track."),
    "cue_points_within_track": mark("That lies after the track's end."),
    "cue_points_one_a_place": mark("There is a cue point of this kind already."),
    "cue_points_one_a_pad": mark("This pad is taken."),
    "cue_points_loop_order": mark("A loop ends after it begins."),
    "cue_points_label_length": mark("A label has at most 100 characters."),
    "cue_points_colour_format": mark("A colour is written as #RRGGBB."),
    "cue_points_position_positive": mark("That lies before the track's beginning."),
    "batch_jobs_model_given": mark("To analyse takes no model; everything else takes one."),
    "batch_jobs_model_fkey": mark("There is no such model."),
    "batch_jobs_fallback_fkey": mark("There is no such model."),
    "batch_jobs_options_say_how": mark("Options say how a track is worked on, not which."),
    "batch_jobs_size": mark("A batch has between 1 and 10,000 tracks."),
    "schedules_cron_form": mark(
        "That is no time: minute, hour, day, month, weekday, as in “*/15 8-18 * * MON-FRI”."
    ),
    "schedules_cron_comes": mark("That time never comes."),
    "schedules_time_zone_known": mark("There is no such time zone: write it as in Europe/Berlin."),
    "tracks_title_length": mark("A title has between 1 and 500 characters."),
}
"""What the database's rules mean to a person who clicks."""


class Missing(SfaError):
    """There is nothing here. It may have been deleted, or it belongs to somebody else."""


class Forbidden(SfaError):
    """Only an administrator may do that."""


class Unknown(SfaError):
    """Send the token of an account in the header Authorization: Bearer sfa_…"""


class Malformed(InputError):
    """The body does not fit its schema."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__()
        self.errors = errors


class Unusable(InputError):
    """What was sent cannot be used; ``status`` is the answer's."""

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


def verdict(error: Exception) -> tuple[int, str]:
    """The status and the sentence for an error."""
    match error:
        case HTTPException():
            return error.status_code, SENTENCES.get(error.status_code, str(error.detail))
        case Missing():
            return 404, str(error)
        case Forbidden():
            return 403, str(error)
        case Unknown():
            return 401, str(error)
        case TooMany():
            return 429, str(error)
        case Unusable():
            return error.status, str(error)
        case ObjectMissing():
            return 404, "The audio is not in the store any more."
        case InputError():
            return 422, str(error)
        case StoreError():
            return 503, "The store of the audio does not answer. Try again in a moment."
        case Refused():
            rule = error.constraint or ""
            status = 409 if rule.endswith(("_one_active", "_one_a_place", "_one_a_pad")) else 422
            # A rule of ours says what is wrong in words for people, and which rule it is.
            words, ours, _ = str(error).partition(f' (rule "{rule}")')
            if rule not in RULES and not ours:
                log.warning("refused by %s: %s", rule or "the database", error)
                words = "The database refused this."
            words = told(words)
            return status, RULES.get(rule, words[:1].upper() + words[1:])
        case DatabaseUnavailable():
            return 503, "The database does not answer. Jobs are safe; try again in a moment."
        case _:
            return 500, SENTENCES[500]


def failure(request: Request, error: Exception) -> Response:
    """The response for an error, in the form that was asked for."""
    status, sentence = verdict(error)
    sentence = told(sentence)
    if status >= 500:
        log.error("%s %s", request.method, request.scope.get("path"), exc_info=error)
    if is_api(request):
        response: Response = problem(error, status, sentence)
    elif wants_json(request) or is_htmx(request):
        response = JSONResponse({"error": sentence}, status)
    else:
        title = told(HTTPStatus(status).phrase)
        response = html(request, "error.html", status, title=title, sentence=sentence)
    if isinstance(error, TooMany):
        response.headers["retry-after"] = str(error.seconds)
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response


def problem(error: Exception, status: int, sentence: str) -> Response:
    """What went wrong, as a program reads it (RFC 9457)."""
    name = type(error).__name__ if isinstance(error, SfaError) else "Error"
    slug = "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")
    body: dict[str, object] = {
        "type": f"urn:sfa:problem:{slug}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
    }
    match error:
        case Refused() if error.constraint:
            body["rule"] = error.constraint
            # Our own rules' words end so, and were written for people; the server's name tables and columns.
            ours = f' (rule "{error.constraint}")'
            if str(error).endswith(ours):
                body["detail"] = str(error).removesuffix(ours)
            if error.hint:
                body["hint"] = error.hint
        case Malformed():
            body["errors"] = error.errors
        case TooMany():
            body["retry_after"] = error.seconds
        case Unknown():
            return JSONResponse(
                body, status, {"www-authenticate": "Bearer"}, "application/problem+json"
            )
    return JSONResponse(body, status, media_type="application/problem+json")
