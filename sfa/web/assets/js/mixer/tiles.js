// Waveforms to zoom into, in tiles: a thousand columns each, at 100 columns a second, 50, 25 and so on. Only what is in view
// is fetched, at the level that the picture can show, once it rests; what has gone out of view meanwhile is aborted. Tiles
// are kept, the ones last seen longest; while one is on its way the next coarser (or a finer one that is there) stands in.
const COLUMNS = 1000;
const FINEST = 100;
const KEPT = 600;
const REST = 60;

export class Tiles {
    constructor(duration, arrived, signal) {
        Object.assign(this, { duration, arrived, signal, kept: new Map(), coming: new Map(), timer: 0 });
        signal.addEventListener("abort", () => {
            clearTimeout(this.timer);
            for (const one of this.coming.values()) one.abort();
        });
    }

    // How often the finest level is halved to have a column a pixel at least.
    level(span, width) {
        return Math.max(0, Math.floor(Math.log2((FINEST * span) / width)));
    }

    // The numbers of the tiles that cover a stretch at a level.
    range({ from, to }, level) {
        const long = this.long(level);
        const last = Math.ceil(this.duration / long) - 1;
        return [Math.max(0, Math.floor(from / long)), Math.min(last, Math.ceil(to / long) - 1)];
    }

    long(level) {
        return (COLUMNS / FINEST) * 2 ** level;
    }

    // What is to be seen: [{waveform (an address), overview}], between two places, so many pixels wide.
    want(sources, view, width) {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.fetch(sources, view, width), REST);
    }

    fetch(sources, view, width) {
        const wanted = new Map();
        for (const { waveform, overview } of sources) {
            const level = this.level(view.span, width);
            if (!waveform || enough(overview, this.duration, view, width)) continue;
            const [first, last] = this.range(view, level);
            for (let n = first; n <= last; n++) wanted.set(key(waveform, level, n), { waveform, level, n });
        }
        for (const [name, one] of this.coming) if (!wanted.has(name)) one.abort();
        for (const [name, tile] of wanted) if (!this.kept.has(name) && !this.coming.has(name)) this.bring(name, tile);
    }

    async bring(name, { waveform, level, n }) {
        const ending = new AbortController();
        this.coming.set(name, ending);
        const [from, to] = [n * this.long(level), Math.min((n + 1) * this.long(level), this.duration)];
        const columns = Math.max(1, Math.ceil(((to - from) / this.long(level)) * COLUMNS));
        try {
            const response = await fetch(`${waveform}&from=${from}&to=${to}&columns=${columns}`, { signal: ending.signal });
            const body = response.ok ? await response.json() : null;
            if (body) this.keep(name, { from: body.from, to: body.to, min: Int8Array.from(body.min), max: Int8Array.from(body.max) });
        } catch {
            // Aborted, or the line is down: the coarser picture stays, and the next move asks again.
        } finally {
            if (this.coming.get(name) === ending) this.coming.delete(name);
        }
        if (this.kept.has(name) && !this.signal.aborted) this.arrived();
    }

    keep(name, tile) {
        this.kept.set(name, tile);
        // A Map keeps its order: the first is what was seen longest ago.
        for (const old of this.kept.keys()) {
            if (this.kept.size <= KEPT) break;
            this.kept.delete(old);
        }
    }

    // The best there is of a source, the coarsest first: each piece overwrites what it knows better.
    pieces({ waveform, overview }, view, width) {
        const pieces = overview?.min?.length ? [{ from: 0, to: this.duration, ...overview }] : [];
        if (!waveform || enough(overview, this.duration, view, width)) return pieces;
        const right = this.level(view.span, width);
        const exact = this.found(waveform, view, right);
        const [first, last] = this.range(view, right);
        if (exact.length <= last - first) {
            for (let level = right + 4; level > right; level--) pieces.push(...this.found(waveform, view, level));
            for (let level = Math.max(0, right - 2); level < right; level++) pieces.push(...this.found(waveform, view, level));
        }
        return [...pieces, ...exact];
    }

    found(waveform, view, level) {
        const [first, last] = this.range(view, level);
        const found = [];
        for (let n = first; n <= last; n++) {
            const name = key(waveform, level, n);
            const tile = this.kept.get(name);
            if (!tile) continue;
            this.kept.delete(name);
            this.kept.set(name, tile);
            found.push(tile);
        }
        return found;
    }
}

// Whether the overview of the whole does: a column for two pixels, or as fine as any.
function enough(overview, duration, view, width) {
    return (overview?.min?.length ?? 0) / duration >= Math.min(width / view.span / 2, FINEST);
}

function key(waveform, level, n) {
    return `${waveform} ${level} ${n}`;
}
