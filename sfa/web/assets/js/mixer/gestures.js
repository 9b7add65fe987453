// Zoom and scroll by hand: Ctrl or ⌘ and the wheel (or a pinch on a touch pad) around the pointer, the wheel sideways,
// two fingers, and dragging a waveform when it is larger than its lane. A mere click or tap on a waveform goes there.
const MOVED = 6;
const NOTCH = 50;
const LINE = 16;

export class Gestures {
    constructor(mixer, signal) {
        Object.assign(this, { mixer, view: mixer.view, scale: mixer.querySelector(".scale"), fingers: new Map(), pinch: null, hold: null });
        const area = mixer.querySelector(".lanes");
        const listen = (name, act, options = {}) => area.addEventListener(name, act, { signal, ...options });
        listen("wheel", (event) => this.wheel(event), { passive: false });
        // Before the ruler and the flags: with a second finger their own dragging is over.
        listen("pointerdown", (event) => this.down(event), { capture: true });
        listen("pointermove", (event) => this.move(event), { capture: true });
        for (const name of ["pointerup", "pointercancel"]) listen(name, (event) => this.up(event), { capture: true });
    }

    wheel(event) {
        const unit = event.deltaMode ? LINE : 1;
        if (event.ctrlKey || event.metaKey) {
            event.preventDefault();
            const turned = Math.min(Math.max(-NOTCH, event.deltaY * unit), NOTCH);
            this.view.zoom(Math.exp(-turned / 100), this.view.under(event, this.scale));
            this.mixer.left();
            return;
        }
        const sideways = (event.shiftKey ? event.deltaX || event.deltaY : Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : 0) * unit;
        if (!sideways || this.view.whole) return;
        event.preventDefault();
        this.scroll(this.view.from + sideways * this.second);
    }

    // Seconds a pixel.
    get second() {
        return this.view.span / this.scale.getBoundingClientRect().width;
    }

    scroll(from) {
        this.mixer.follow.off();
        this.view.show(from);
    }

    // Where a finger is, as a share of the lane.
    share(x) {
        const box = this.scale.getBoundingClientRect();
        return (x - box.left) / box.width;
    }

    down(event) {
        const wave = event.target.closest(".wave");
        if (event.button !== 0 || !(wave || event.target.closest(".scale"))) return;
        this.fingers.set(event.pointerId, event.clientX);
        if (this.fingers.size === 2) {
            this.hold = null;
            this.mixer.ruler.drop();
            this.pinch = [...this.fingers].sort((a, b) => a[1] - b[1]).map(([id, x]) => ({ id, at: this.view.at(this.share(x)) }));
        } else if (this.fingers.size === 1 && wave && !event.target.closest("button, audio")) {
            this.hold = { id: event.pointerId, x: event.clientX, from: this.view.from, wave, moved: false };
            wave.setPointerCapture(event.pointerId);
        }
    }

    move(event) {
        if (!this.fingers.has(event.pointerId)) return;
        this.fingers.set(event.pointerId, event.clientX);
        if (this.pinch) {
            event.stopPropagation();
            if (this.fingers.size === 2) this.spread();
        } else if (this.hold?.id === event.pointerId) {
            const across = event.clientX - this.hold.x;
            this.hold.moved ||= Math.abs(across) > MOVED;
            if (this.hold.moved && !this.view.whole) this.scroll(this.hold.from - across * this.second);
        }
    }

    // What was under the two fingers stays under them.
    spread() {
        const [a, b] = this.pinch.map(({ id, at }) => ({ at, share: this.share(this.fingers.get(id)) }));
        const apart = b.share - a.share;
        if (apart < 0.02 || b.at <= a.at) return;
        const span = Math.min(Math.max((b.at - a.at) / apart, this.view.least), this.view.duration);
        this.view.show((a.at + b.at) / 2 - ((a.share + b.share) / 2) * span, span);
        this.mixer.left();
    }

    up(event) {
        if (!this.fingers.delete(event.pointerId)) return;
        if (this.pinch) event.stopPropagation();
        const { hold } = this;
        if (hold?.id === event.pointerId) {
            this.hold = null;
            if (event.type === "pointerup" && (!hold.moved || (this.view.whole && event.pointerType === "mouse"))) this.mixer.seek(this.view.under(event, hold.wave));
        }
        if (!this.fingers.size) this.pinch = null;
    }
}
