// The whole track in a strip: the mix, the play head, and a frame around what the lanes show. Zoomed in, the frame is moved
// with the pointer or by the arrow keys; seen whole, a press goes to the place. To a screen reader it is a slider in seconds.
import { clock } from "../clock.js";
import { t } from "../words.js";
import { columns, fill, paper } from "./wave.js";

export class Overview {
    constructor(mixer, element, signal) {
        Object.assign(this, { mixer, element, view: mixer.view, strip: element.querySelector(".strip"), frame: element.querySelector(".frame"), grip: null });
        this.canvas = this.strip.querySelector("canvas");
        // In here the whole is in view, whatever the lanes show.
        this.strip.style.setProperty("--from", 0);
        this.strip.style.setProperty("--span", this.view.duration);
        this.whole = { from: 0, span: this.view.duration };
        const listen = (name, act) => this.strip.addEventListener(name, act, { signal });
        listen("pointerdown", (event) => this.down(event));
        listen("pointermove", (event) => this.grip !== null && this.move(this.at(event) - this.grip));
        for (const name of ["pointerup", "pointercancel"]) listen(name, () => (this.grip = null));
        this.frame.addEventListener("keydown", (event) => this.key(event), { signal });
        this.place();
    }

    at(event) {
        const box = this.strip.getBoundingClientRect();
        return Math.min(Math.max(0, (event.clientX - box.left) / box.width), 1) * this.view.duration;
    }

    // Taken where it is, or brought to where the press is.
    down(event) {
        if (event.button !== 0) return;
        const at = this.at(event);
        if (this.view.whole) return this.mixer.seek(at);
        this.grip = this.view.holds(at) ? at - this.view.from : this.view.span / 2;
        this.strip.setPointerCapture(event.pointerId);
        this.move(at - this.grip);
    }

    move(from) {
        this.mixer.follow.off();
        this.view.show(from);
    }

    key(event) {
        const { from, span, duration } = this.view;
        const to = { ArrowLeft: from - span / 10, ArrowRight: from + span / 10, PageUp: from - span, PageDown: from + span, Home: 0, End: duration }[event.key];
        if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
        this.move(to);
        event.preventDefault();
        event.stopPropagation();
    }

    place() {
        const { from, to, span, duration, whole } = this.view;
        const { frame } = this;
        frame.style.setProperty("--at", from);
        frame.style.setProperty("--for", span);
        frame.setAttribute("aria-valuemax", (duration - span).toFixed(2));
        frame.setAttribute("aria-valuenow", from.toFixed(2));
        frame.setAttribute("aria-valuetext", whole ? t("the whole track") : t("{from} to {to} of {all}", { from: clock(from), to: clock(to), all: clock(duration) }));
        frame.setAttribute("aria-disabled", String(whole));
    }

    // The mix; without an analysis the stems together say as much.
    draw({ mix, stems }, scale) {
        const { pen, width, height, ratio, style } = paper(this.canvas);
        const all = mix?.min?.length ? [mix] : Object.values(stems ?? {}).filter((each) => each?.min?.length);
        if (!pen || !all.length) return;
        const outlines = all.map((each) => columns([{ from: 0, to: this.view.duration, ...each }], this.whole, width));
        const [first, ...others] = outlines;
        for (const { lows, highs } of others) {
            for (let x = 0; x < width; x++) {
                first.lows[x] = Math.min(first.lows[x], lows[x]);
                first.highs[x] = Math.max(first.highs[x], highs[x]);
            }
        }
        pen.strokeStyle = style.color;
        fill(pen, first, style.color, height, ratio, scale);
    }
}
