// The strip above the lanes: the sections as buttons, the time with its bars, the loop to draw with the pointer.
import { clock } from "../clock.js";
import { t } from "../words.js";

const DRAG = 6;

export class Ruler {
    constructor(mixer, element, signal) {
        Object.assign(this, { mixer, element });
        this.strip = element.querySelector(".sections");
        this.scale = element.querySelector(".scale");
        this.canvas = this.scale.querySelector("canvas");
        this.drag(signal);
    }

    // Sections that sound alike have the same letter and the same shade.
    sections(sections) {
        const { duration } = this.mixer;
        const labels = [...new Set(sections.map((section) => section.label))];
        this.strip.replaceChildren(
            ...sections.map((section) => {
                const button = document.createElement("button");
                const place = { from: clock(section.start), to: clock(section.end), label: section.label, energy: Math.round(section.energy * 100) };
                button.type = "button";
                button.className = `section shade-${labels.indexOf(section.label) % 6}`;
                button.textContent = section.label;
                button.title = t("Section {label}, {from}–{to}, energy {energy} %. Click: go there; double click: loop it", place);
                button.setAttribute("aria-label", t("Section {label}, {from} to {to}, energy {energy} %", place));
                button.style.left = `${(section.start / duration) * 100}%`;
                button.style.width = `${((section.end - section.start) / duration) * 100}%`;
                button.addEventListener("click", () => this.mixer.seek(section.start));
                button.addEventListener("dblclick", () => this.mixer.looped((loop) => loop.exactly(section.start, section.end)));
                return button;
            }),
        );
        this.strip.hidden = !sections.length;
    }

    // Drawing with the pointer makes a loop; a mere click goes to the place.
    drag(signal) {
        const place = (event) => {
            const box = this.scale.getBoundingClientRect();
            return Math.min(Math.max(0, (event.clientX - box.left) / box.width), 1) * this.mixer.duration;
        };
        let from = null;
        this.scale.addEventListener("pointerdown", (event) => {
            if (event.target.closest("button, input")) return;
            from = { x: event.clientX, at: place(event) };
            this.scale.setPointerCapture(event.pointerId);
        }, { signal });
        this.scale.addEventListener("pointermove", (event) => {
            if (from && Math.abs(event.clientX - from.x) > DRAG) this.mixer.looped((loop) => loop.between(from.at, place(event)));
        }, { signal });
        this.scale.addEventListener("pointerup", (event) => {
            if (from && Math.abs(event.clientX - from.x) <= DRAG) this.mixer.seek(place(event));
            from = null;
        }, { signal });
        this.scale.addEventListener("pointercancel", () => (from = null), { signal });
    }

    draw(grid) {
        const box = this.canvas.getBoundingClientRect();
        if (!box.width) return;
        const { duration } = this.mixer;
        const ratio = devicePixelRatio || 1;
        const width = (this.canvas.width = Math.round(box.width * ratio));
        const height = (this.canvas.height = Math.round(box.height * ratio));
        const style = getComputedStyle(this.canvas);
        const pen = this.canvas.getContext("2d");
        pen.strokeStyle = pen.fillStyle = style.color;
        pen.font = `${11 * ratio}px ${style.fontFamily}`;
        pen.textBaseline = "top";
        const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600].find((each) => (each / duration) * box.width > 70) ?? 1200;
        for (let at = 0; at < duration; at += step) {
            const x = Math.round((at / duration) * width) + ratio / 2;
            line(pen, x, 0, height);
            if ((at / duration) * box.width < box.width - 34) pen.fillText(clock(at), x + 4 * ratio, 2 * ratio);
        }
        const { bars } = grid;
        const every = [1, 2, 4, 8, 16, 32].find((each) => ((bars[each] - bars[0]) / duration) * box.width > 5) ?? 64;
        pen.globalAlpha = 0.55;
        for (let i = 0; i < bars.length; i += every) line(pen, Math.round((bars[i] / duration) * width) + ratio / 2, height * (i % (4 * every) ? 0.75 : 0.6), height);
        pen.globalAlpha = 1;
    }
}

function line(pen, x, from, to) {
    pen.beginPath();
    pen.moveTo(x, from);
    pen.lineTo(x, to);
    pen.stroke();
}
