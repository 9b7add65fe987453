// The loop: a stretch that is repeated. Its ends lie on the beat grid, unless they are drawn freely; at first it is four bars
// from where one is.
const BARS = 4;

export class Loop {
    constructor(grid) {
        Object.assign(this, { grid, on: false, start: 0, end: 0 });
    }

    // How many beats long; nothing where its ends lie beside them.
    get beats() {
        const beats = (this.end - this.start) / this.grid.beat;
        return Math.abs(beats - Math.round(beats)) < 0.1 ? Math.round(beats) : 0;
    }

    get set() {
        return this.end > this.start;
    }

    toggle(at) {
        if (!this.set) this.span(this.grid.bar(at), BARS * this.grid.metre);
        this.on = !this.on;
    }

    begin(at) {
        const start = this.grid.nearest(at);
        if (this.set && start < this.end) this.start = start;
        else this.span(start, BARS * this.grid.metre);
        this.on = this.set;
    }

    finish(at) {
        const end = this.grid.nearest(at);
        if (end <= this.start) this.start = Math.max(0, this.grid.step(end, -this.grid.metre));
        this.end = end;
        this.on = this.set;
    }

    // Twice or half as long, from the same beginning; never shorter than a beat, where it is counted in beats.
    scale(factor) {
        if (!this.set) return;
        if (!this.beats) {
            this.end = Math.min(this.start + (this.end - this.start) * factor, this.grid.duration);
            return;
        }
        const beats = Math.max(1, Math.round(((this.end - this.start) / this.grid.beat) * factor));
        this.span(this.start, beats);
    }

    // Drawn from one place to the other, in either direction; freely: to the millisecond.
    between(from, to, freely = false) {
        const end = (at) => (freely ? Math.round(at * 1000) / 1000 : this.grid.nearest(at));
        const [start, finish] = [end(Math.min(from, to)), end(Math.max(from, to))];
        if (finish - start < 0.05) return;
        Object.assign(this, { start, end: finish, on: true });
    }

    exactly(start, end) {
        Object.assign(this, { start, end, on: true });
    }

    span(start, beats) {
        this.start = start;
        this.end = this.grid.step(start, beats);
    }
}
