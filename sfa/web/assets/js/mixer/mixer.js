// <sfa-mixer>: the stems on one clock. The server made the lanes; this brings sound, waveforms, the play head and the loop.
// No element inside of it may have an id: a morph that finds the id again would make an empty mixer first and fill it later.
import { clock } from "../clock.js";
import { say } from "../say.js";
import { t } from "../words.js";
import { Buffers } from "./buffers.js";
import { Cues } from "./cues.js";
import { Follow } from "./follow.js";
import { Gestures } from "./gestures.js";
import { Grid } from "./grid.js";
import { keys } from "./keys.js";
import { Lane } from "./lane.js";
import { Loop } from "./loop.js";
import { Overview } from "./overview.js";
import { Ruler } from "./ruler.js";
import { Sides } from "./sides.js";
import { Streams } from "./streams.js";
import { Tiles } from "./tiles.js";
import { View } from "./view.js";
import { commonScale, draw } from "./wave.js";

// Decoded audio takes 21 MB a stem and minute: four stems of eight minutes are about 680 MB.
const STEM_SECONDS_IN_MEMORY = (navigator.deviceMemory ?? 8) >= 4 ? 4 * 8 * 60 : 4 * 3 * 60;
const PARTS = ["play", "seek", "now", "loading", "reset", "loop-on", "loop-start", "loop-end", "loop-half", "loop-double", "loop-length", "compare", "turn", "cue-add", "loop-keep", "zoom-in", "zoom-out", "zoom-whole", "zoom-now", "follow"];

export class Mixer extends HTMLElement {
    connectedCallback() {
        this.ending = new AbortController();
        this.duration = Number(this.dataset.duration);
        this.memory = STEM_SECONDS_IN_MEMORY;
        this.data = {};
        this.view = new View(this, this.duration, () => this.viewed());
        this.lanes = [...this.querySelectorAll(".lane[data-stem]")].map((element) => new Lane(element));
        this.parts = Object.fromEntries(PARTS.map((name) => [name, this.querySelector(`.${name}`)]));
        this.sides = new Sides(this.lanes);
        this.grid = new Grid({}, this.duration);
        this.loop = new Loop(this.grid);
        this.follow = new Follow(this.view, this.parts.follow, this.ending.signal);
        this.tiles = new Tiles(this.duration, () => this.soon(), this.ending.signal);
        this.ruler = new Ruler(this, this.querySelector(".ruler"), this.ending.signal);
        this.overview = new Overview(this, this.querySelector(".overview"), this.ending.signal);
        this.gestures = new Gestures(this, this.ending.signal);
        this.cues = new Cues(this, this.ending.signal);
        this.wire(this.ending.signal);
        this.view.recall(this.dataset.track);
        this.viewed();
        this.paint();
        this.fetchPeaks();
    }

    // Moved within the page by a morph: nothing ends.
    connectedMoveCallback() {}

    disconnectedCallback() {
        this.ending.abort();
        cancelAnimationFrame(this.drawing);
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
        this.sides.own(data);
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
        click("zoom-in", () => this.zoom(2));
        click("zoom-out", () => this.zoom(0.5));
        click("zoom-whole", () => this.zoom(0));
        click("follow", () => (this.follow.on ? this.follow.off() : this.follow.again(this.time())));
        parts.seek.addEventListener("input", () => this.seek(Number(parts.seek.value)), { signal });
        parts.compare?.addEventListener("change", () => this.compare(), { signal });
        this.lanes.forEach((lane, index) => {
            lane.wire(signal, { flip: (kind) => this.flip(index, kind), level: () => this.levels() });
        });
        document.addEventListener("sfa-seek", (event) => this.seek(event.detail), { signal });
        document.addEventListener("sfa-theme", () => this.redraw(), { signal });
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw(), { signal });
        const sizes = new ResizeObserver(() => this.soon());
        sizes.observe(this);
        signal.addEventListener("abort", () => sizes.disconnect());
        keys(this, signal);
    }

    redraw() {
        cancelAnimationFrame(this.drawing);
        this.drawing = 0;
        const scale = commonScale(Object.values(this.data.stems ?? {}));
        const wanted = [];
        for (const lane of this.lanes) {
            const sources = this.sides.sources(lane);
            const width = Math.round(lane.canvas.clientWidth * (devicePixelRatio || 1));
            draw(lane.canvas, sources.map((source) => this.tiles.pieces(source, this.view, width)), this.grid, this.view, scale);
            wanted.push(...sources);
            if (width) this.width = width;
        }
        if (this.width) this.tiles.want(wanted, this.view, this.width);
        this.ruler.draw(this.grid);
        this.overview.draw(this.data, scale);
    }

    // With the next picture, however often it is asked for until then.
    soon() {
        this.drawing ||= requestAnimationFrame(() => this.redraw());
    }

    // Another stretch is in view.
    viewed() {
        if (!this.gestures) return;
        const { parts, view } = this;
        const large = view.factor < 10 ? Math.round(view.factor * 10) / 10 : Math.round(view.factor);
        const words = `${large.toLocaleString(document.documentElement.lang)}×`;
        if (parts["zoom-now"].textContent !== words) parts["zoom-now"].textContent = words;
        // Not disabled: a button that is would lose the focus, and the next press.
        parts["zoom-in"].setAttribute("aria-disabled", String(view.deepest));
        for (const name of ["zoom-out", "zoom-whole"]) parts[name].setAttribute("aria-disabled", String(view.whole));
        this.classList.toggle("zoomed", !view.whole);
        this.overview.place();
        this.soon();
    }

    // So many times larger around the play head, or the middle where that is not in view; 0: the whole track.
    zoom(factor) {
        const { view } = this;
        if (!factor) return view.show(0, view.duration);
        const time = this.time();
        view.zoom(factor, view.holds(time) ? time : view.at(0.5));
    }

    // Something out of view has the focus: it comes into view, and the play head is followed no more.
    reveal(from, to = from) {
        if (to >= this.view.from && from <= this.view.to) return;
        this.follow.off();
        this.view.show(from - this.view.span / 4);
    }

    // Zoomed by hand to where the play head is not: there the view stays.
    left() {
        this.follow.stop();
        if (!this.view.holds(this.time())) this.follow.off();
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
                this.follow.again(this.engine.time());
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
        this.follow.again(place);
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
        parts["loop-length"].textContent = loop.set ? this.long(loop) : "";
        for (const band of this.querySelectorAll(".loop-band")) {
            band.hidden = !loop.set;
            band.classList.toggle("on", loop.on);
            band.style.setProperty("--at", loop.start);
            band.style.setProperty("--for", loop.end - loop.start);
        }
    }

    long({ beats, start, end }) {
        const bars = beats / this.grid.metre;
        if (!beats) return t("{n} s", { n: (end - start).toLocaleString(document.documentElement.lang, { minimumFractionDigits: 2, maximumFractionDigits: 2 }) });
        if (bars >= 1 && Number.isInteger(bars)) return bars === 1 ? t("1 bar") : t("{n} bars", { n: bars });
        return beats === 1 ? t("1 beat") : t("{n} beats", { n: beats });
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
        for (const head of this.querySelectorAll(".play-head")) head.style.setProperty("--at", time);
        if (playing) this.follow.tick(time);
        for (const lane of this.lanes) lane.meter(playing);
    }
}
