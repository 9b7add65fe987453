"""What most scripts do with librosa: load the file, then a call a feature, each with its own transform.

Reads paths on stdin, answers a JSON object a line: seconds and cpu of reading and analysing.
"""

import json
import sys
import time

import librosa
import librosa.feature
from librosa.beat import beat_track
from librosa.onset import onset_strength

for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    y, rate = librosa.load(line.strip())
    tempo, beats = beat_track(y=y, sr=rate)
    librosa.feature.tempo(onset_envelope=onset_strength(y=y, sr=rate), sr=rate)
    means = [
        float(feature.mean())
        for feature in (
            librosa.feature.chroma_cqt(y=y, sr=rate),
            librosa.feature.chroma_stft(y=y, sr=rate),
            librosa.feature.mfcc(y=y, sr=rate, n_mfcc=13),
            librosa.feature.spectral_centroid(y=y, sr=rate),
            librosa.feature.spectral_bandwidth(y=y, sr=rate),
            librosa.feature.spectral_rolloff(y=y, sr=rate),
            librosa.feature.spectral_contrast(y=y, sr=rate),
            librosa.feature.spectral_flatness(y=y),
            librosa.feature.zero_crossing_rate(y),
            librosa.feature.rms(y=y),
        )
    ]
    answer = {
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "features": len(means) + 2,
    }
    print(json.dumps(answer), flush=True)
