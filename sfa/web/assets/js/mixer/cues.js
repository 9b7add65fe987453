// Cue points on the ruler and through the lanes. The list under the mixer is what they are drawn from, and the stream brings
// it anew; here they are set (C, double click), moved (dragged, or by arrow keys), named (F2) and deleted (Delete, with a way back).
import { clock } from "../clock.js";
import { say } from "../say.js";
import { t } from "../words.js";

const DRAG = 4;
const FINE = 0.01;

export class Cues {
    constructor(mixer, signal) {
        Object.assign(this, { mixer, signal, list: [] });
        this.row = mixer.querySelector(".cue-row");
        const box = document.getElementById("cues");
        if (!box || !this.row) return;
        this.box = box;
        const grid = () => box.firstElementChild?.dataset.grid;
        let drawn = grid();
        const watch = new MutationObserver(() => {
            this.draw();
            // Somebody corrected the beat grid, here or in another tab.
            if (grid() !== drawn) mixer.fetchPeaks();
            drawn = grid();
        });
        watch.observe(box, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-at", "data-label", "data-kind", "data-grid"] });
        signal.addEventListener("abort", () => watch.disconnect());
        box.addEventListener("click", (event) => {
            const go = event.target.closest("[data-go]");
            if (go) mixer.seek(Number(go.dataset.go));
        }, { signal });
        // What a double click selected would be dragged in place of the flag.
        this.row.addEventListener("dragstart", (event) => event.preventDefault(), { signal });
        this.row.addEventListener("dblclick", (event) => {
            if (!event.target.closest("button")) this.add({ at: this.place(event), free: event.altKey });
        }, { signal });
        this.draw();
    }

    place(event) {
        return this.mixer.view.under(event, this.row);
    }

    async send(address, fields) {
        const body = new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== undefined && value !== false));
        const response = await fetch(address, { method: "POST", body, headers: { Accept: "application/json", "HX-Request": "true" } }).catch(() => null);
        if (response?.ok) return true;
        const answer = await response?.json().catch(() => null);
        say(answer?.error ?? t("That did not work."));
        this.draw();
        return false;
    }

    add({ at, end, kind = "memory", label = "", free = false }) {
        return this.send(`${this.mixer.dataset.track}/cues`, { at: at.toFixed(3), end: end?.toFixed(3), type: kind, label, free: free && "1" });
    }

    here(kind) {
        return this.add({ at: this.mixer.time(), kind });
    }

    async loop() {
        const { loop } = this.mixer;
        if (!loop.set) return say(t("Draw a loop first: drag along the time, or press L."));
        if (await this.add({ at: loop.start, end: loop.end, kind: "loop_in", free: true })) say(t("The loop is kept."));
    }

    move(cue, at, free) {
        return this.send(`/cues/${cue.id}`, { at: Math.min(Math.max(0, at), this.mixer.duration).toFixed(3), free: free && "1" });
    }

    async remove(cue) {
        const next = cue.flag.nextElementSibling;
        if (!(await this.send(`/cues/${cue.id}`, { verb: "delete" }))) return;
        (next ?? this.mixer.querySelector(".cue-add"))?.focus();
        say(t("{name} is deleted.", { name: cue.label || t("The cue point") }), 12, { words: t("Undo"), act: () => this.add({ at: cue.at, end: cue.end, kind: cue.kind, label: cue.label, free: true }) });
    }

    rename(cue) {
        const list = this.box.querySelector("details");
        list.open = true;
        const field = list.querySelector(`[data-cue="${cue.id}"] input[name=label]`);
        field?.focus();
        field?.select();
    }

    draw() {
        if (this.dragging) return;
        const { mixer } = this;
        const now = [...this.box.querySelectorAll("[data-cue]")].map(({ dataset }) => ({
            id: dataset.cue, at: Number(dataset.at), end: dataset.end ? Number(dataset.end) : undefined, kind: dataset.kind, pad: dataset.pad, label: dataset.label, colour: dataset.colour,
        }));
        // A flag that stays is the same element: it may be held by the pointer, or have the focus.
        const old = new Map(this.list.map((cue) => [cue.id, cue]));
        this.list = now.map((cue) => Object.assign(old.get(cue.id) ?? {}, cue));
        for (const cue of old.values()) if (!this.list.includes(cue)) cue.flag.remove();
        this.list.forEach((cue) => this.dress((cue.flag ??= this.flag(cue)), cue));
        for (const wave of mixer.querySelectorAll(".wave")) {
            wave.querySelectorAll(".cue-line").forEach((line) => line.remove());
            wave.append(...this.list.map((cue) => line(cue)));
        }
    }

    flag(cue) {
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.cue = cue.id;
        button.addEventListener("click", () => this.jump(cue));
        button.addEventListener("focus", () => this.mixer.reveal(cue.at));
        button.addEventListener("keydown", (event) => this.key(event, cue));
        this.drag(button, cue);
        this.row.append(button);
        return button;
    }

    dress(button, cue) {
        const kinds = { hot: t("hot cue"), memory: t("memory cue"), loop_in: t("loop") };
        button.className = `cue cue-${cue.kind}`;
        button.textContent = cue.pad || (cue.kind === "loop_in" ? "⟳" : "▾");
        if (cue.label) button.append(Object.assign(document.createElement("span"), { className: "cue-label", textContent: ` ${cue.label}` }));
        const name = `${kinds[cue.kind] ?? cue.kind} ${cue.pad ?? ""} ${cue.label} ${clock(cue.at)}`.replace(/\s+/g, " ");
        button.setAttribute("aria-label", name);
        button.title = t("{name}. Drag or arrow keys: move (on beats; with Alt freely). F2: name. Delete: delete", { name });
        button.style.setProperty("--at", cue.at);
        if (cue.colour) button.style.setProperty("--cue", cue.colour);
    }

    jump(cue) {
        this.mixer.seek(cue.at);
        if (cue.end) this.mixer.looped((loop) => loop.exactly(cue.at, cue.end));
    }

    key(event, cue) {
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (step) this.move(cue, event.altKey || event.shiftKey ? cue.at + step * FINE : this.mixer.grid.beside(cue.at, step), event.altKey || event.shiftKey);
        else if (event.key === "Delete" || event.key === "Backspace") this.remove(cue);
        else if (event.key === "F2") this.rename(cue);
        else return;
        event.preventDefault();
        event.stopPropagation();
    }

    drag(button, cue) {
        let from = null;
        const { signal } = this;
        button.addEventListener("pointerdown", (event) => {
            from = event.clientX;
            button.setPointerCapture(event.pointerId);
        }, { signal });
        button.addEventListener("pointermove", (event) => {
            if (from === null || (!this.dragging && Math.abs(event.clientX - from) < DRAG)) return;
            this.dragging = true;
            const at = event.altKey ? this.place(event) : this.mixer.grid.nearest(this.place(event));
            button.style.setProperty("--at", at);
        }, { signal });
        const end = async (event) => {
            const moved = this.dragging;
            from = null;
            this.dragging = false;
            if (!moved) return;
            // The click that follows belongs to the drag.
            button.addEventListener("click", (click) => click.stopImmediatePropagation(), { once: true, capture: true });
            if (event.type === "pointerup") await this.move(cue, this.place(event), event.altKey);
            else this.draw();
        };
        button.addEventListener("pointerup", end, { signal });
        button.addEventListener("pointercancel", end, { signal });
    }
}

function line(cue) {
    const mark = document.createElement("div");
    mark.className = `cue-line cue-${cue.kind}`;
    mark.style.setProperty("--at", cue.at);
    if (cue.colour) mark.style.setProperty("--cue", cue.colour);
    return mark;
}
