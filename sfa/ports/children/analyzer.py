"""Measure a track: tempo, key, energy, spectrum, beats, waveform; and what its stems say of tempo and key.

    echo '{"op":"analyze","audio":"song.wav"}' | python -m sfa.ports.children.analyzer

Op ``analyze``: audio (a path). The result is sfa.features.Analysis. Op ``refine``: drums, bass, other
(paths of a separation's stems). The result is sfa.stem_features.StemAnalysis. Both take tempo_min and
tempo_max (BPM). Ops ``measure`` and ``clip``: see ``clips``. Op ``waveform``: audio and out (paths); the result
is written there (see ``waveform``). The child is warm at hello: it
has analysed a second of sound, so that no library loads lazily within the first request.
"""

from __future__ import annotations

from collections.abc import Mapping

from sfa.ports.child import Op, serve


def load() -> Mapping[str, Op]:
    """Import the libraries and touch each once."""
    from sfa.ports.children import analysis, clips, refinement, warmup, waveform

    warmup.analyzer()
    return {
        "analyze": analysis.analyze,
        "refine": refinement.refine,
        "waveform": waveform.waveform,
        "measure": clips.measure,
        "clip": clips.clip,
    }


if __name__ == "__main__":
    serve("analyzer", "1", load)
