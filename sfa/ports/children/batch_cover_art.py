"""Fetch covers for many tracks, five at a time, each as a JPEG of a size.

    echo '{"op":"covers","items":[{"id":"a","address":"https://…/cover.jpg"}],"out":"covers"}' \\
      | .venv/spotdl/bin/python -m sfa.ports.children.batch_cover_art

Op ``covers``: items (a list of {id, address}, at most 1000), out (a folder), size (pixels of the longer side, 640),
max_bytes (of one picture as it comes, 20 MB), private (whether private addresses may be asked, false). Result: covers, a
list of {id, file, width, height} or {id, error}: one that can't be had does not hold up the others. What lies in ``out``
already is not fetched again; the same address is fetched once. Runs in spotdl's environment, inside its fence.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sfa.ports.child import Call, InputError, Op, serve

AT_ONCE: Final = 5
MOST: Final = 1000
PATIENCE: Final = 20
MAX_BYTES: Final = 20_000_000
MAX_PIXELS: Final = 60_000_000


def load() -> Mapping[str, Op]:
    """Put the fence up, then import what fetches and what reads pictures."""
    from sfa.ports.children import fence

    fence.up()
    import hashlib
    import io
    import warnings
    from concurrent.futures import ThreadPoolExecutor, as_completed

    import requests
    from PIL import Image

    # A picture that claims to be larger is an attack, or no cover.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)

    def fetch(address: str, limit: int) -> bytes:
        with requests.get(address, timeout=PATIENCE, stream=True) as answer:
            if answer.status_code != 200:
                raise InputError(f"the server answered {answer.status_code}")
            data = b""
            for chunk in answer.iter_content(1 << 16):
                data += chunk
                if len(data) > limit:
                    raise InputError(f"the picture is larger than {limit // 1_000_000} MB")
            return data

    def made(address: str, out: Path, size: int, limit: int) -> dict[str, Any]:
        name = hashlib.sha256(f"{size} {address}".encode()).hexdigest()[:32] + ".jpg"
        path = out / name
        if not path.exists():
            if not address.startswith(("http://", "https://")):
                raise InputError("only http and https addresses can be fetched")
            with Image.open(io.BytesIO(fetch(address, limit))) as picture:
                whole = picture.convert("RGB")
            whole.thumbnail((size, size), Image.Resampling.LANCZOS)
            staged = path.with_suffix(".new")
            whole.save(staged, "JPEG", quality=88, optimize=True)
            staged.replace(path)
        with Image.open(path) as picture:
            return {"file": name, "width": picture.width, "height": picture.height}

    def covers(call: Call) -> Mapping[str, Any]:
        items = call.args.get("items")
        if not isinstance(items, list) or len(items) > MOST:
            raise InputError(f'the request needs "items", a list of at most {MOST}')
        fence.allow(bool(call.args.get("private")))
        out = Path(call.text("out"))
        out.mkdir(parents=True, exist_ok=True)
        size, limit = (
            int(call.args.get("size") or 640),
            int(call.args.get("max_bytes") or MAX_BYTES),
        )
        by_address: dict[str, list[str]] = {}
        for item in items:
            by_address.setdefault(str(item["address"]), []).append(str(item["id"]))
        found: list[dict[str, Any]] = []
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            waiting = {
                pool.submit(made, address, out, size, limit): address for address in by_address
            }
            for number, future in enumerate(as_completed(waiting), 1):
                told = outcome(future)
                found += [{"id": ident, **told} for ident in by_address[waiting[future]]]
                call.progress(100 * number / len(waiting), f"cover {number} of {len(waiting)}")
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return {"covers": found}

    def outcome(future: Any) -> dict[str, Any]:
        try:
            told: dict[str, Any] = future.result()
            return told
        except InputError as error:
            return {"error": str(error)}
        except requests.RequestException as error:
            return {"error": f"it could not be fetched: {type(error).__name__}", "passing": True}
        except (OSError, ValueError, Image.DecompressionBombWarning, Image.DecompressionBombError):
            return {"error": "the address leads to no picture"}

    return {"covers": covers}


if __name__ == "__main__":
    serve("batch_cover_art", "1", load)
