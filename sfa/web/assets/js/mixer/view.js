// What stretch of the track is in view: one for all lanes, the ruler and both separations that are compared. What has a
// place in time carries it as --at (and --for, how long it lasts); the style sheet puts it where the stretch has it.
// Never less than a second: the finest waveform has a hundred columns in that, and a pixel is about a millisecond.
const LEAST = 1;

export class View {
    constructor(element, duration, changed) {
        Object.assign(this, { element, duration, changed, from: 0, to: duration });
        this.least = Math.min(LEAST, duration);
        this.tell();
    }

    get span() {
        return this.to - this.from;
    }

    // How much larger than the whole.
    get factor() {
        return this.duration / this.span;
    }

    get whole() {
        return this.span >= this.duration;
    }

    get deepest() {
        return this.span <= this.least;
    }

    // A place as a share of the stretch, and back; what is not in view lies below 0 or above 1.
    share(seconds) {
        return (seconds - this.from) / this.span;
    }

    at(share) {
        return this.from + share * this.span;
    }

    holds(seconds) {
        return seconds >= this.from && seconds <= this.to;
    }

    // The place under the pointer, in an element that is as wide as a lane's waveform.
    under(event, element) {
        const box = element.getBoundingClientRect();
        return this.at(Math.min(Math.max(0, (event.clientX - box.left) / box.width), 1));
    }

    show(from, span = this.span) {
        const long = Math.min(Math.max(span, this.least), this.duration);
        const start = Math.min(Math.max(0, from), this.duration - long);
        if (!Number.isFinite(start) || (start === this.from && start + long === this.to)) return;
        // The whole is exactly the whole, whatever the arithmetic left over.
        const whole = long >= this.duration * 0.9999;
        Object.assign(this, whole ? { from: 0, to: this.duration } : { from: start, to: start + long });
        this.tell();
    }

    // So many times larger; the place stays where it is seen.
    zoom(factor, place) {
        const span = Math.min(Math.max(this.span / factor, this.least), this.duration);
        this.show(place - this.share(place) * span, span);
    }

    // Over a reload of the page, in this tab: where one was comes back, and what is shown from now on is kept.
    recall(name) {
        const kept = `sfa-view:${name}`;
        const [from, span] = JSON.parse(sessionStorage.getItem(kept) ?? "[]");
        this.keep = () => (this.whole ? sessionStorage.removeItem(kept) : sessionStorage.setItem(kept, JSON.stringify([this.from, this.span])));
        if (span) this.show(from, span);
    }

    tell() {
        this.keep?.();
        this.element.style.setProperty("--from", this.from);
        this.element.style.setProperty("--span", this.span);
        this.changed?.();
    }
}
