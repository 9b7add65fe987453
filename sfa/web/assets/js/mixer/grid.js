// The beat grid to snap to: beats and bars in seconds. Without beats everything may lie anywhere.
export class Grid {
    constructor({ beats = [], bars = [], metre = 4 } = {}, duration = 0) {
        Object.assign(this, { beats, duration, metre });
        this.bars = bars.length ? bars : beats.filter((_, i) => i % metre === 0);
    }

    get beat() {
        const { beats } = this;
        return beats.length > 1 ? (beats.at(-1) - beats[0]) / (beats.length - 1) : 0.5;
    }

    nearest(seconds) {
        return closest(this.beats, seconds) ?? seconds;
    }

    // The bar that a place lies in: where it begins.
    bar(seconds) {
        return this.bars.findLast((bar) => bar <= seconds + 0.02) ?? this.nearest(seconds);
    }

    // So many beats later (or, below zero, earlier), going on beyond the last beat at the mean tempo.
    step(seconds, count) {
        const at = this.beats.indexOf(this.nearest(seconds));
        const place = at < 0 ? undefined : this.beats[at + count];
        return Math.min(Math.max(0, place ?? seconds + count * this.beat), this.duration);
    }

    // The beat before or after a place, whether it lies on one or between two.
    beside(seconds, direction) {
        const { beats } = this;
        const found = direction > 0 ? beats.find((beat) => beat > seconds + 0.01) : beats.findLast((beat) => beat < seconds - 0.01);
        return found ?? Math.min(Math.max(0, seconds + direction * this.beat), this.duration);
    }
}

function closest(sorted, value) {
    let best;
    for (const each of sorted) if (best === undefined || Math.abs(each - value) < Math.abs(best - value)) best = each;
    return best;
}
