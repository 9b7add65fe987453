"""aubio's default tempo tracker: beats as it reports them, tempo as the median of their distances. It has no key.

Reads paths on stdin, answers a JSON object a line: tempo, beats, seconds, cpu.
"""

import json
import sys
import time

import aubio
import numpy as np
import soundfile

for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    samples, rate = soundfile.read(line.strip(), dtype="float32", always_2d=True)
    mono = np.ascontiguousarray(samples.mean(axis=1))
    hop = 512
    tracker, beats = aubio.tempo("default", 1024, hop, rate), []
    for start in range(0, len(mono) - hop, hop):
        found = tracker(mono[start : start + hop])
        beats += [float(tracker.get_last_s())] if found else []
    tempo = 60 / float(np.median(np.diff(beats))) if len(beats) > 2 else None
    answer = {
        "tempo": tempo,
        "beats": beats,
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
    }
    print(json.dumps(answer), flush=True)
