// The loop: a stretch that is repeated. Its ends lie on the beat grid; at first it is four bars from where one is.
const BARS = 4;

export class Loop {
    constructor(grid) {
        Object.assign(this, { grid, on: false, start: 0, end: 0 });
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

    // Twice or half as long, from the same beginning; never shorter than a beat.
    scale(factor) {
        if (!this.set) return;
        const beats = Math.max(1, Math.round(((this.end - this.start) / this.grid.beat) * factor));
        this.span(this.start, beats);
    }

    between(from, to) {
        const [start, end] = [this.grid.nearest(Math.min(from, to)), this.grid.nearest(Math.max(from, to))];
        if (end - start < 0.05) return;
        Object.assign(this, { start, end, on: true });
    }

    exactly(start, end) {
        Object.assign(this, { start, end, on: true });
    }

    span(start, beats) {
        this.start = start;
        this.end = this.grid.step(start, beats);
    }
}
