"""essentia's extractors: RhythmExtractor2013 (multifeature) for tempo and beats, KeyExtractor for the key.

Reads paths on stdin, answers a JSON object a line: tempo, beats, key, seconds, cpu.
"""

import json
import sys
import time

import essentia
import essentia.standard as standard

essentia.log.infoActive = False
FLATS = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#"}

for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    samples = standard.MonoLoader(filename=line.strip(), sampleRate=44100)()
    tempo, beats, _, _, _ = standard.RhythmExtractor2013(method="multifeature")(samples)
    pitch, mode, _ = standard.KeyExtractor()(samples)
    answer = {
        "tempo": float(tempo),
        "beats": [round(float(t), 4) for t in beats],
        "key": f"{FLATS.get(pitch, pitch)} {mode}",
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
    }
    print(json.dumps(answer), flush=True)
