// <sfa-mixer>: the stems on one clock. The server made the lanes; this brings sound, waveforms, the play head and the loop.
// No element inside of it may have an id: a morph that finds the id again would make an empty mixer first and fill it later.
import { clock } from "../clock.js";
import { say } from "../say.js";
import { t } from "../words.js";
import { Buffers } from "./buffers.js";
import { Cues } from "./cues.js";
import { Grid } from "./grid.js";
import { keys } from "./keys.js";
import { Lane } from "./lane.js";
import { Loop } from "./loop.js";
import { Ruler } from "./ruler.js";
import { Sides } from "./sides.js";
import { Streams } from "./streams.js";
import { commonScale, draw } from "./wave.js";

// Decoded audio takes 21 MB a stem and minute: four stems of eight minutes are about 680 MB.
const STEM_SECONDS_IN_MEMORY = (navigator.deviceMemory ?? 8) >= 4 ? 4 * 8 * 60 : 4 * 3 * 60;
const PARTS = ["play", "seek", "now", "loading", "reset", "loop-on", "loop-start", "loop-end", "loop-half", "loop-double", "loop-length", "compare", "turn", "cue-add", "loop-keep"];

export class Mixer extends HTMLElement {
    connectedCallback() {
        this.ending = new AbortController();
        this.duration = Number(this.dataset.duration);
        this.memory = STEM_SECONDS_IN_MEMORY;
        this.data = {};
        this.lanes = [...this.querySelectorAll(".lane[data-stem]")].map((element) => new Lane(element));
        this.parts = Object.fromEntries(PARTS.map((name) => [name, this.querySelector(`.${name}`)]));
        this.sides = new Sides(this.lanes);
        this.grid = new Grid({}, this.duration);
        this.loop = new Loop(this.grid);
        this.ruler = new Ruler(this, this.querySelector(".ruler"), this.ending.signal);
        this.cues = new Cues(this, this.ending.signal);
        this.wire(this.ending.signal);
        this.paint();
        this.fetchPeaks();
    }

    // Moved within the page by a morph: nothing ends.
    connectedMoveCallback() {}

    disconnectedCallback() {
        this.ending.abort();
        this.engine?.close();
        this.context?.close();
        this.engine = this.context = null;
    }

    async ask(address) {
        const response = await fetch(address, { signal: this.ending.signal }).catch(() => null);
        return response?.ok ? response.json() : null;
    }

    async fetchPeaks() {
        const data = await this.ask(this.dataset.src);
        if (!data) return;
        this.data = data;
        this.grid = this.loop.grid = new Grid(data, this.duration);
        this.ruler.sections(data.sections);
        this.redraw();
        this.paintLoop();
        this.dispatchEvent(new CustomEvent("sfa-ready"));
    }

    wire(signal) {
        const { parts } = this;
        const click = (name, act) => parts[name]?.addEventListener("click", act, { signal });
        click("play", () => this.toggle());
        click("reset", () => this.reset());
        click("loop-on", () => this.looped((loop, at) => loop.toggle(at)));
        click("loop-start", () => this.looped((loop, at) => loop.begin(at)));
        click("loop-end", () => this.looped((loop, at) => loop.finish(at)));
        click("loop-half", () => this.looped((loop) => loop.scale(0.5)));
        click("loop-double", () => this.looped((loop) => loop.scale(2)));
        click("turn", () => this.turn());
        click("cue-add", () => this.cues.here("memory"));
        click("loop-keep", () => this.cues.loop());
        parts.seek.addEventListener("input", () => this.seek(Number(parts.seek.value)), { signal });
        parts.compare?.addEventListener("change", () => this.compare(), { signal });
        this.lanes.forEach((lane, index) => {
            lane.wire(signal, { flip: (kind) => this.flip(index, kind), level: () => this.levels(), seek: (share) => this.seek(share * this.duration) });
        });
        document.addEventListener("sfa-seek", (event) => this.seek(event.detail), { signal });
        document.addEventListener("sfa-theme", () => this.redraw(), { signal });
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw(), { signal });
        const sizes = new ResizeObserver(() => this.redraw());
        sizes.observe(this);
        signal.addEventListener("abort", () => sizes.disconnect());
        keys(this, signal);
    }

    redraw() {
        const peaks = this.data.stems ?? {};
        const scale = commonScale(Object.values(peaks));
        for (const lane of this.lanes) draw(lane.canvas, this.sides.peaks(lane, peaks[lane.id]), this.grid, this.duration, scale);
        this.ruler.draw(this.grid);
    }

    // A browser lets sound begin only after a gesture, so the context is made with the first play.
    async start() {
        if (!this.context) {
            this.context = new AudioContext({ latencyHint: "interactive" });
            for (const lane of this.lanes) lane.connect(this.context);
            const long = this.duration * this.lanes.length > this.memory;
            this.engine = new (long ? Streams : Buffers)(this.context, this.lanes, this.duration);
            if (long) say(t("A long track: its stems are streamed and may be a few hundredths of a second apart."));
            this.levels();
            this.engine.region = this.region();
            this.engine.side = this.sides.side;
        }
        await this.context.resume();
        await this.load(this.sides.side);
        if (this.wanted !== undefined) this.engine.seek(this.wanted);
        this.wanted = undefined;
    }

    async load(side) {
        const { loading } = this.parts;
        try {
            await this.engine.load((done, all) => (loading.textContent = t("loading {done} of {all} stems", { done, all })), side);
        } finally {
            loading.textContent = "";
        }
    }

    async toggle() {
        if (this.busy) return;
        if (this.engine?.playing) this.engine.pause();
        else
            await this.patiently(async () => {
                await this.start();
                if (this.engine.time() >= this.duration - 0.05) this.engine.seek(0);
                this.engine.play();
            });
        this.paint();
        this.frame();
    }

    async patiently(act) {
        this.busy = true;
        try {
            await act();
        } catch (error) {
            if (this.isConnected) say(t("This cannot be played: {why}.", { why: error.message }));
        } finally {
            this.busy = false;
        }
    }

    time() {
        return this.wanted ?? this.engine?.time() ?? 0;
    }

    seek(seconds) {
        const place = Math.min(Math.max(0, seconds), this.duration);
        if (this.engine && !this.busy) this.engine.seek(place);
        else this.wanted = place;
        this.paint();
    }

    region() {
        return this.loop.on && this.loop.set ? { start: this.loop.start, end: this.loop.end } : null;
    }

    // Change the loop: by button, by key or by drawing; what plays goes on within it.
    looped(change) {
        change(this.loop, this.time());
        const [was, now] = [JSON.stringify(this.engine?.region ?? null), this.region()];
        if (this.engine && was !== JSON.stringify(now)) this.engine.loop(now);
        this.paintLoop();
        this.paint();
    }

    // Choose what to compare with.
    async compare() {
        const { compare, turn } = this.parts;
        const chosen = compare.selectedOptions[0];
        if (this.sides.side === "b") await this.turn();
        this.sides.set(chosen.value ? await this.ask(chosen.value) : null, chosen.textContent.trim());
        turn.hidden = !this.sides.ready;
        if (this.sides.ready) await this.turn();
    }

    // From one separation to the other, in step.
    async turn() {
        const side = this.sides.side === "a" ? "b" : "a";
        if (this.busy || (side === "b" && !this.sides.ready)) return;
        if (this.engine)
            await this.patiently(async () => {
                await this.load(side);
                this.engine.turn(side);
            });
        this.sides.side = side;
        const name = side === "a" ? this.dataset.name : this.sides.name;
        this.parts.turn.textContent = `${side.toUpperCase()} · ${name}`;
        this.parts.turn.setAttribute("aria-pressed", String(side === "b"));
        say(t("Now {side}: {name}", { side: side.toUpperCase(), name }), 3);
        this.redraw();
    }

    flip(index, kind) {
        this.lanes[index]?.flip(kind);
        this.levels();
    }

    reset() {
        for (const lane of this.lanes) lane.reset();
        this.levels();
    }

    levels() {
        const solo = this.lanes.some((lane) => lane.on("solo"));
        for (const lane of this.lanes) lane.set(lane.on("mute") || (solo && !lane.on("solo")), this.context);
    }

    // What is heard now, for an export: each stem's gain in decibels, the silent ones left out.
    mix() {
        const heard = this.lanes.filter((lane) => !lane.silent && lane.volume > 0);
        return Object.fromEntries(heard.map((lane) => [lane.label ? `${lane.type}:${lane.label}` : lane.type, Number((20 * Math.log10(lane.volume)).toFixed(2))]));
    }

    frame() {
        if (!this.engine?.playing || !this.isConnected) return;
        this.engine.tick?.();
        if (!this.region() && this.engine.time() >= this.duration - 0.01) this.engine.pause();
        this.paint();
        requestAnimationFrame(() => this.frame());
    }

    paintLoop() {
        const { loop, parts } = this;
        parts["loop-on"].setAttribute("aria-pressed", String(loop.on));
        const beats = Math.round((loop.end - loop.start) / this.grid.beat);
        const bars = beats / this.grid.metre;
        parts["loop-length"].textContent = !loop.set ? "" : bars >= 1 && Number.isInteger(bars) ? t("{n} bars", { n: bars }) : t("{n} beats", { n: beats });
        for (const band of this.querySelectorAll(".loop-band")) {
            band.hidden = !loop.set;
            band.classList.toggle("on", loop.on);
            band.style.left = `${(loop.start / this.duration) * 100}%`;
            band.style.width = `${((loop.end - loop.start) / this.duration) * 100}%`;
        }
    }

    paint() {
        const { play, seek, now } = this.parts;
        const time = this.time();
        const playing = Boolean(this.engine?.playing);
        play.classList.toggle("on", playing);
        play.setAttribute("aria-label", playing ? t("Pause") : t("Play"));
        if (now.textContent !== clock(time)) {
            now.textContent = clock(time);
            seek.setAttribute("aria-valuetext", t("{at} of {all}", { at: clock(time), all: clock(this.duration) }));
        }
        seek.value = time;
        const place = `${(time / this.duration) * 100}%`;
        for (const head of this.querySelectorAll(".play-head")) head.style.left = place;
        for (const lane of this.lanes) lane.meter(playing);
    }
}
