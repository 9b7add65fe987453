"""Compose the annotated music of the analysis bench: General MIDI pieces whose truth is known.

A piece is drawn from a seed: a style (its metre, drums, instruments, range of tempo), one of 24 keys, a form of
sections, and what disturbs it: tuning, swing, drift, human timing, noise, a trip through mp3. Two splits never share
a seed, a sound font, an instrument or a drum fill: analysis is tuned on "train" and judged on "held-out".
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Final

SPLITS: Final = ("train", "held-out")
PITCHES: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
MAJOR: Final = (0, 2, 4, 5, 7, 9, 11)
MINOR: Final = (0, 2, 3, 5, 7, 8, 10)
PROGRESSIONS: Final = {
    False: ((0, 4, 5, 3), (0, 3, 4, 0), (0, 5, 3, 4), (0, 0, 3, 4), (1, 4, 0, 0), (0, 2, 3, 4)),
    True: ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 4), (0, 3, 5, 4), (0, 5, 3, 4), (0, 0, 5, 6)),
}
# General MIDI programs, the first half of each for training, the second held out.
CHORDS: Final = {
    "keys": (0, 4, 16, 1, 5, 18),
    "guitar": (24, 27, 28, 25, 26, 30),
    "pad": (48, 88, 90, 49, 89, 91),
    "synth": (81, 62, 50, 80, 63, 51),
    "comb": (11, 46, 24, 12, 8, 25),
}
BASSES: Final = {"bass": (33, 34, 36, 35, 37, 38), "upright": (32, 43, 32, 32, 43, 32)}
LEADS: Final = (73, 56, 65, 80, 0, 40, 66, 71, 57, 81, 22, 4)
KICK, SNARE, CLAP, RIM, HAT, OPEN, RIDE, CRASH, TOM, SHAKER = 36, 38, 39, 37, 42, 46, 51, 49, 45, 70


@dataclass(frozen=True)
class Style:
    """How a kind of music is played; patterns are steps of a bar of sixteenths (or of triplets)."""

    tempo: tuple[float, float]
    drums: tuple[dict[int, str], ...]
    chords: str = "keys"
    bass: str = "bass"
    comp: str = "x..............."
    walk: str = "x.......x......."
    beats: int = 4
    steps: int = 4  # of a beat
    swing: float = 0.0
    lead: float = 0.6
    length: float = 2.0  # of a chord's note, in steps


_STYLES: dict[str, Style] = {
    "house": Style((118, 130), ({KICK: "x...x...x...x...", CLAP: "....x.......x...", OPEN: "..x...x...x...x."},
                                {KICK: "x...x...x...x...", SNARE: "....x.......x..x", HAT: "x.x.x.x.x.x.x.x.", OPEN: "..x...x...x...x."}),
                   "synth", comp="..x..x....x..x..", walk="..x...x...x...x."),
    "techno": Style((126, 146), ({KICK: "x...x...x...x...", HAT: "..x...x...x...x.", RIM: "...x..x....x...."},
                                 {KICK: "x...x...x...x...", OPEN: "..x...x...x...x.", SHAKER: "xxxxxxxxxxxxxxxx"}),
                    "synth", comp="x..x..x..x..x...", walk="..xx..xx..xx..xx", lead=0.2),
    "rock": Style((96, 152), ({KICK: "x.......x.x.....", SNARE: "....x.......x...", HAT: "x.x.x.x.x.x.x.x."},
                              {KICK: "x.....x.x.......", SNARE: "....x.......x...", RIDE: "x...x...x...x...", TOM: "..............xx"}),
                  "guitar", comp="x.x.x.x.x.x.x.x.", walk="x.x.x.x.x.x.x.x."),
    "punk": Style((160, 190), ({KICK: "x...x...x...x...", SNARE: "..x...x...x...x.", HAT: "x.x.x.x.x.x.x.x."},
                               {KICK: "x.......x.......", SNARE: "....x.......x...", HAT: "x...x...x...x..."}),
                  "guitar", comp="x.x.x.x.x.x.x.x.", walk="x.x.x.x.x.x.x.x."),
    "hip-hop": Style((72, 98), ({KICK: "x......x..x.....", SNARE: "....x.......x...", HAT: "x.x.x.x.x.x.x.x."},
                                {KICK: "x.x.......x..x..", CLAP: "....x.......x...", HAT: "x.xxx.x.x.xxx.x."}),
                     "keys", comp="x.........x.....", walk="x......x..x.....", swing=0.12),
    "drum and bass": Style((164, 180), ({KICK: "x.........x.....", SNARE: "....x.......x...", HAT: "x.x.x.x.x.x.x.x."},
                                        {KICK: "x.x.......x.....", SNARE: "....x..x.x..x...", RIDE: "x.x.x.x.x.x.x.x."}),
                           "pad", comp="x...............", walk="x.....x...x.....", length=15),
    "reggae": Style((66, 90), ({KICK: "........x.......", RIM: "........x.......", HAT: "x.x.x.x.x.x.x.x."},
                               {KICK: "x.......x.......", SNARE: "........x.......", HAT: "..x...x...x...x."}),
                    "guitar", comp="..x...x...x...x.", walk="x..x..x...x.x...", length=1),
    "bossa": Style((112, 152), ({KICK: "x..xx..xx..xx..x", RIM: "x..x..x...x..x..", HAT: "x.x.x.x.x.x.x.x."},
                                {KICK: "x...x...x...x...", RIM: "..x..x..x..x....", SHAKER: "x.xxx.xxx.xxx.xx"}),
                   "guitar", "upright", comp="x..x..x..x..x...", walk="x.....x.x.....x."),
    "ballad": Style((60, 84), ({KICK: "x.......x.......", RIM: "....x.......x...", HAT: "x.x.x.x.x.x.x.x."},
                               {KICK: "x.........x.....", SNARE: "....x.......x...", RIDE: "x...x...x...x..."}),
                    "keys", comp="x.x.x.x.x.x.x.x.", walk="x.......x.......", length=3),
    "swing": Style((108, 188), ({RIDE: "x..x.xx..x.x", HAT: "...x.....x..", KICK: "x..........."},
                                {RIDE: "x..x.xx..x.x", HAT: "...x.....x..", SNARE: ".....x......"}),
                   "keys", "upright", comp="...x.....x..", walk="x..x..x..x..", steps=3),
    "shuffle": Style((96, 140), ({KICK: "x.....x.....", SNARE: "...x.....x..", HAT: "x.xx.xx.xx.x"},
                                 {KICK: "x.....x..x..", SNARE: "...x.....x..", RIDE: "x.xx.xx.xx.x"}),
                     "guitar", comp="x.xx.xx.xx.x", walk="x..x..x..x..", steps=3, length=1),
    "waltz": Style((84, 180), ({}, {KICK: "x...........", RIM: "....x...x..."}),
                   "keys", "upright", comp="....x...x...", walk="x...........", beats=3),
    "six-eight": Style((60, 84), ({KICK: "x.....", SNARE: "...x..", HAT: "xxxxxx"}, {KICK: "x....x", RIM: "...x..", HAT: "x.xx.x"}),
                       "guitar", comp="xxxxxx", walk="x..x..", beats=2, steps=3),
    "folk": Style((84, 140), ({}, {SHAKER: "x.x.x.x.x.x.x.x."}), "comb", "upright", comp="x...x.xx..x.x.x.", walk="x.......x......."),
    "piano": Style((64, 132), ({}, {}), "keys", "upright", comp="..x...x...x...x.", walk="x.......x.......", lead=1.0),
    "strings": Style((64, 120), ({}, {}), "pad", "upright", comp="x.......x.......", walk="x...x...x...x...", length=7, lead=1.0),
}  # fmt: skip
STYLES: Final = tuple(_STYLES)


@dataclass
class Piece:
    """A composition: notes as (beat, beats, channel, note, velocity), programs, and what is true of it."""

    name: str
    split: str
    style: str
    seed: int
    bpm: float
    drift: float
    tonic: int
    minor: bool
    detune: float  # cents
    beats_per_bar: int
    noise_db: float | None
    mp3_kbits: int | None
    jitter: float  # seconds
    notes: list[tuple[float, float, int, int, int]] = field(default_factory=list)
    programs: dict[int, int] = field(default_factory=dict)
    sections: list[tuple[int, str]] = field(default_factory=list)  # first bar, label
    bars: int = 0

    @property
    def key(self) -> str:
        """Its key's name."""
        return f"{PITCHES[self.tonic]} {'minor' if self.minor else 'major'}"

    def seconds(self, beat: float) -> float:
        """When a beat falls: the tempo changes evenly from bpm·(1 − drift/2) to bpm·(1 + drift/2)."""
        total = self.bars * self.beats_per_bar
        slow = 1 - self.drift / 2
        if not self.drift:
            return LEAD_IN + 60 * beat / self.bpm
        # The mean of the tempo up to the beat, by the middle of the way there.
        return LEAD_IN + 60 * beat / self.bpm / (slow + self.drift * beat / total / 2)

    def truth(self) -> dict[str, Any]:
        """The annotation."""
        count = self.bars * self.beats_per_bar
        beats = [round(self.seconds(beat), 5) for beat in range(count)]
        return {
            "style": self.style,
            "tempo": self.bpm,
            "steady": self.drift == 0,
            "key": self.key,
            "detune": self.detune,
            "beats_per_bar": self.beats_per_bar,
            "beats": beats,
            "downbeats": beats[:: self.beats_per_bar],
            "sections": [[beats[bar * self.beats_per_bar], label] for bar, label in self.sections],
            "end": round(self.seconds(count), 5),
        }


LEAD_IN: Final = 0.35


def compose(split: str, number: int) -> Piece:
    """Piece ``number`` of a split; styles and keys take turns so that all are heard."""
    held = SPLITS.index(split)
    seed = 7919 * number + 13 + 500_009 * held
    rng = random.Random(seed)
    name = STYLES[number % len(STYLES)]
    style = _STYLES[name]
    key = (5 * number + 3 * (number // 24) + 7 * held) % 24
    low, high = style.tempo
    bpm = rng.uniform(low, high)
    # Half of all music is made to a click at a whole tempo.
    bpm = float(round(bpm)) if rng.random() < 0.5 else round(bpm, 2)
    odd = rng.random()
    piece = Piece(
        name=f"{split}-{number:03d}-{name.replace(' ', '-')}", split=split, style=name, seed=seed, bpm=bpm,
        drift=rng.choice((0.03, -0.04, 0.06)) if odd < 0.12 else 0.0,
        tonic=key % 12, minor=key >= 12,
        detune=round(rng.uniform(-45, 45), 1) if rng.random() < 0.3 else 0.0,
        beats_per_bar=style.beats,
        noise_db=rng.choice((-35.0, -28.0)) if rng.random() < 0.15 else None,
        mp3_kbits=rng.choice((96, 128, 192)) if rng.random() < 0.25 else None,
        jitter=rng.choice((0.0, 0.004, 0.009)),
    )  # fmt: skip
    _write(piece, style, rng, held)
    return piece


def _write(piece: Piece, style: Style, rng: random.Random, held: int) -> None:
    bar_seconds = 60 * style.beats / piece.bpm
    unit = 4 if bar_seconds > 1.9 else 8
    form = rng.choice(
        (("intro", "A", "B", "A"), ("A", "B", "A", "B"), ("intro", "A", "B", "break", "B"))
    )
    parts = CHORDS[style.chords][3 * held : 3 * held + 3]
    piece.programs = {
        0: rng.choice(parts),
        1: rng.choice(BASSES[style.bass][3 * held : 3 * held + 3]),
        2: rng.choice(LEADS[6 * held : 6 * held + 6]),
        3: rng.choice(CHORDS["pad"][3 * held : 3 * held + 3]),
    }
    choice = rng.sample(PROGRESSIONS[piece.minor], 2)
    kits = list(style.drums)
    rng.shuffle(kits)
    melodies = {
        label: [rng.choice((0, 0, 1, 2, 2, 3, 4, 4, 5, 7)) for _ in range(16)] for label in "AB"
    }
    bar = 0
    for label in form:
        piece.sections.append((bar, label))
        length = unit // 2 if label in ("intro", "break") and unit == 8 else unit
        for inner in range(length):
            last = inner == length - 1
            _bar(
                piece,
                style,
                rng,
                bar + inner,
                label,
                last,
                choice["AB".find(label) if label in "AB" else 0],
                kits,
                melodies,
            )
        bar += length
    piece.bars = bar
    # The last chord closes in the tonic.
    _chord(piece, 0, bar * style.beats, 2.0, 80, 0)
    piece.bars += 1


def _bar(
    piece: Piece, style: Style, rng: random.Random, bar: int, label: str, last: bool,
    progression: tuple[int, ...], kits: list[dict[int, str]], melodies: dict[str, list[int]],
) -> None:  # fmt: skip
    start, per = bar * style.beats, style.beats * style.steps
    degree = progression[bar % len(progression)]
    full = label in "AB"

    def when(step: int) -> float:
        late = style.swing / style.steps * 2 if style.swing and step % 2 else 0.0
        return start + (step + late) / style.steps

    if full or (label == "intro" and piece.seed % 2):
        kit = kits[0] if label != "B" else kits[1]
        for drum, pattern in kit.items():
            if label == "intro" and drum in (SNARE, CLAP):
                continue
            for step in range(per):
                if pattern[step % len(pattern)] == "x":
                    accent = 12 if step % style.steps == 0 else 0
                    base = 104 if drum in (KICK, SNARE, CLAP) else 66
                    piece.notes.append(
                        (when(step), 0.2, 9, drum, base + accent + rng.randint(-6, 6))
                    )
        if last and kit and style.beats == 4:
            for step in range(per - style.steps, per):
                piece.notes.append(
                    (when(step), 0.2, 9, TOM + 2 * (step % 2), 88 + rng.randint(-6, 6))
                )
        if kit and bar in [first for first, _ in piece.sections]:
            piece.notes.append((float(start), 1.0, 9, CRASH, 100))
    for step in range(per):
        if style.comp[step % len(style.comp)] == "x":
            accent = 10 if step % style.steps == 0 else 0
            _chord(
                piece,
                degree,
                when(step),
                style.length / style.steps,
                (68 if full else 56) + accent + rng.randint(-5, 5),
                bar % 2,
            )
        if label != "intro" and style.walk[step % len(style.walk)] == "x":
            offset = rng.choice((0, 0, 0, 4)) if step else 0
            piece.notes.append(
                (
                    when(step),
                    0.9 * style.beats / style.walk.count("x"),
                    1,
                    _note(piece, degree + offset, 36),
                    92 + rng.randint(-6, 6),
                )
            )
    if label == "B" or style.chords == "pad":
        for voice in (0, 2, 4):
            piece.notes.append(
                (float(start), style.beats * 0.97, 3, _note(piece, degree + voice, 60), 58)
            )
    if full and rng.random() < style.lead:
        line = melodies[label]
        for beat in range(style.beats):
            if rng.random() < 0.75:
                step = line[(4 * bar + beat) % 16]
                tone = step if beat else (degree + rng.choice((0, 2, 4))) % 7
                at = beat * style.steps + (rng.choice((0, 0, 0, style.steps // 2)))
                piece.notes.append(
                    (when(at), 0.85, 2, _note(piece, tone, 72), 82 + rng.randint(-8, 8))
                )


def _chord(
    piece: Piece, degree: int, beat: float, length: float, velocity: int, inversion: int
) -> None:
    for voice in (0, 2, 4):
        octave = 12 if inversion and voice == 0 else 0
        raised = (
            1 if piece.minor and degree == 4 and voice == 2 else 0
        )  # the dominant of minor is major
        piece.notes.append(
            (beat, length, 0, _note(piece, degree + voice, 48) + octave + raised, velocity)
        )


def _note(piece: Piece, degree: int, base: int) -> int:
    octave, step = divmod(degree, 7)
    tonic = piece.tonic - 12 if piece.tonic > 6 else piece.tonic
    return base + tonic + 12 * octave + (MINOR if piece.minor else MAJOR)[step]
