// The strip above the lanes: the sections as buttons, the time with its bars, the loop to draw with the pointer.
import { clock } from "../clock.js";
import { t } from "../words.js";
import { paper } from "./wave.js";

const DRAG = 6;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200];
// Pixels that a time and a bar's number take.
const ROOM = { time: 70, bar: 44 };

export class Ruler {
    constructor(mixer, element, signal) {
        Object.assign(this, { mixer, element, from: null });
        this.strip = element.querySelector(".sections");
        this.scale = element.querySelector(".scale");
        this.canvas = this.scale.querySelector("canvas");
        this.drag(signal);
    }

    // Sections that sound alike have the same letter and the same shade.
    sections(sections) {
        const labels = [...new Set(sections.map((section) => section.label))];
        this.strip.replaceChildren(
            ...sections.map((section) => {
                const button = document.createElement("button");
                const place = { from: clock(section.start), to: clock(section.end), label: section.label, energy: Math.round(section.energy * 100) };
                button.type = "button";
                button.className = `section placed shade-${labels.indexOf(section.label) % 6}`;
                button.textContent = section.label;
                button.title = t("Section {label}, {from}–{to}, energy {energy} %. Click: go there; double click: loop it", place);
                button.setAttribute("aria-label", t("Section {label}, {from} to {to}, energy {energy} %", place));
                button.style.setProperty("--at", section.start);
                button.style.setProperty("--for", section.end - section.start);
                button.addEventListener("focus", () => this.mixer.reveal(section.start, section.end));
                button.addEventListener("click", () => this.mixer.seek(section.start));
                button.addEventListener("dblclick", () => this.mixer.looped((loop) => loop.exactly(section.start, section.end)));
                return button;
            }),
        );
        this.strip.hidden = !sections.length;
    }

    // Drawing with the pointer makes a loop, on beats or, with Alt, freely; a mere click goes to the place.
    drag(signal) {
        const place = (event) => this.mixer.view.under(event, this.scale);
        this.scale.addEventListener("pointerdown", (event) => {
            if (event.button !== 0 || event.target.closest("button, input") || this.mixer.gestures.pinch) return;
            this.from = { x: event.clientX, at: place(event) };
            this.scale.setPointerCapture(event.pointerId);
        }, { signal });
        this.scale.addEventListener("pointermove", (event) => {
            const { from } = this;
            if (from && Math.abs(event.clientX - from.x) > DRAG) this.mixer.looped((loop) => loop.between(from.at, place(event), event.altKey));
        }, { signal });
        this.scale.addEventListener("pointerup", (event) => {
            if (this.from && Math.abs(event.clientX - this.from.x) <= DRAG) this.mixer.seek(place(event));
            this.drop();
        }, { signal });
        this.scale.addEventListener("pointercancel", () => this.drop(), { signal });
    }

    // A second finger came: it was no loop after all.
    drop() {
        this.from = null;
    }

    draw(grid) {
        const { pen, width, height, ratio, style } = paper(this.canvas);
        if (!pen) return;
        pen.strokeStyle = pen.fillStyle = style.color;
        pen.font = `${11 * ratio}px ${style.fontFamily}`;
        pen.textBaseline = "top";
        const { view } = this.mixer;
        const scale = { pen, view, width, height, ratio, x: (at) => Math.round(view.share(at) * width) + ratio / 2 };
        times(scale);
        bars(scale, grid);
    }
}

// Round times, in tenths of seconds where there is room for them.
function times({ pen, view, width, height, ratio, x }) {
    const step = STEPS.find((each) => (each / view.span) * width > ROOM.time * ratio) ?? STEPS.at(-1);
    for (let n = Math.floor(view.from / step); n * step <= view.to; n++) {
        const at = n * step;
        line(pen, x(at), 0, height);
        if (x(at) < width - 34 * ratio) pen.fillText(step < 1 ? fine(at) : clock(at), x(at) + 4 * ratio, 2 * ratio);
    }
}

function fine(at) {
    const tenths = Math.round(at * 10);
    return `${clock(Math.floor(tenths / 10))}.${tenths % 10}`;
}

// Bars with their numbers, and beats where they are not too close.
function bars({ pen, view, width, height, ratio, x }, { bars, beats, beat }) {
    const pixels = (seconds) => (seconds / view.span) * width;
    const every = [1, 2, 4, 8, 16, 32].find((each) => pixels(bars[each] - bars[0]) > 5 * ratio) ?? 64;
    const numbered = [1, 2, 4, 8, 16, 32].find((each) => each >= every && pixels(bars[each] - bars[0]) > ROOM.bar * ratio) ?? 64;
    pen.globalAlpha = 0.35;
    if (every === 1 && pixels(beat) > 5 * ratio) for (const at of beats) if (view.holds(at)) line(pen, x(at), height * 0.85, height);
    pen.textBaseline = "bottom";
    for (let i = 0; i < bars.length; i += every) {
        if (bars[i] > view.to) break;
        const number = i % numbered === 0 && bars.length > 1;
        if (bars[i] < view.from - view.span * 0.1) continue;
        pen.globalAlpha = 0.55;
        line(pen, x(bars[i]), height * (number ? 0.55 : 0.72), height);
        pen.globalAlpha = 0.8;
        if (number && x(bars[i]) < width - 20 * ratio) pen.fillText(String(i + 1), x(bars[i]) + 4 * ratio, height - ratio);
    }
    pen.globalAlpha = 1;
}

function line(pen, x, from, to) {
    pen.beginPath();
    pen.moveTo(x, from);
    pen.lineTo(x, to);
    pen.stroke();
}
