"""Measure a track: tempo, key, energy, spectrum, beats, waveform.

    echo '{"op":"analyze","audio":"song.wav"}' | python -m sfa.ports.children.analyzer

Op ``analyze``: audio (a path). The result is sfa.features.Analysis. The child is warm at hello: it
has analysed a second of sound, so that no library loads lazily within the first request.
"""

from __future__ import annotations

from collections.abc import Mapping

from sfa.ports.child import Op, serve


def load() -> Mapping[str, Op]:
    """Import the libraries and touch each once."""
    from sfa.ports.children import analysis, warmup

    warmup.analyzer()
    return {"analyze": analysis.analyze}


if __name__ == "__main__":
    serve("analyzer", "1", load)
