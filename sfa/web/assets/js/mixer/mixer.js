// <sfa-mixer>: the stems on one clock. The server made the lanes; this brings sound, waveforms and the play head.
import { clock } from "../clock.js";
import { say } from "../say.js";
import { Buffers } from "./buffers.js";
import { keys } from "./keys.js";
import { Streams } from "./streams.js";
import { commonScale, draw } from "./wave.js";

// Decoded audio takes 21 MB a stem and minute: four stems of eight minutes are about 680 MB.
const STEM_SECONDS_IN_MEMORY = (navigator.deviceMemory ?? 8) >= 4 ? 4 * 8 * 60 : 4 * 3 * 60;

export class Mixer extends HTMLElement {
    connectedCallback() {
        this.ending = new AbortController();
        this.duration = Number(this.dataset.duration);
        this.memory = STEM_SECONDS_IN_MEMORY;
        this.data = { beats: [] };
        this.lanes = [...this.querySelectorAll(".lane")].map((element) => ({
            element,
            id: element.dataset.stem,
            url: element.dataset.url,
            name: element.getAttribute("aria-label"),
            canvas: element.querySelector("canvas"),
            level: element.querySelector(".level > span"),
            head: element.querySelector(".play-head"),
        }));
        this.parts = Object.fromEntries(["play", "seek", "now", "loading", "reset"].map((name) => [name, this.querySelector(`.${name}`)]));
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

    async fetchPeaks() {
        const response = await fetch(this.dataset.src, { signal: this.ending.signal }).catch(() => null);
        if (!response?.ok) return;
        this.data = await response.json();
        this.redraw();
    }

    wire(signal) {
        const { play, seek, reset } = this.parts;
        play.addEventListener("click", () => this.toggle(), { signal });
        seek.addEventListener("input", () => this.seek(Number(seek.value)), { signal });
        reset.addEventListener("click", () => this.reset(), { signal });
        this.lanes.forEach((lane, index) => {
            for (const kind of ["solo", "mute"]) lane.element.querySelector(`.${kind}`).addEventListener("click", () => this.flip(index, kind), { signal });
            lane.element.querySelector(".gain").addEventListener("input", () => this.levels(), { signal });
            lane.element.querySelector(".wave").addEventListener("pointerdown", (event) => {
                const box = event.currentTarget.getBoundingClientRect();
                this.seek(((event.clientX - box.left) / box.width) * this.duration);
            }, { signal });
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
        for (const lane of this.lanes) draw(lane.canvas, peaks[lane.id], this.data.beats, this.duration, scale);
    }

    // A browser lets sound begin only after a gesture, so the context is made with the first play.
    async start() {
        if (!this.context) {
            this.context = new AudioContext({ latencyHint: "interactive" });
            for (const lane of this.lanes) {
                lane.gain = new GainNode(this.context);
                lane.meter = new AnalyserNode(this.context, { fftSize: 1024 });
                lane.gain.connect(lane.meter).connect(this.context.destination);
            }
            const long = this.duration * this.lanes.length > this.memory;
            this.engine = new (long ? Streams : Buffers)(this.context, this.lanes, this.duration);
            if (long) say("A long track: its stems are streamed and may be a few hundredths of a second apart.");
            this.levels();
        }
        await this.context.resume();
        const { loading } = this.parts;
        await this.engine.load((done) => (loading.textContent = `loading ${done} of ${this.lanes.length} stems`));
        loading.textContent = "";
        if (this.wanted !== undefined) this.engine.seek(this.wanted);
        this.wanted = undefined;
    }

    async toggle() {
        if (this.busy) return;
        if (this.engine?.playing) {
            this.engine.pause();
        } else {
            this.busy = true;
            try {
                await this.start();
                if (this.engine.time() >= this.duration - 0.05) this.engine.seek(0);
                this.engine.play();
            } catch (error) {
                this.parts.loading.textContent = "";
                if (this.isConnected) say(`This cannot be played: ${error.message}.`);
            } finally {
                this.busy = false;
            }
        }
        this.paint();
        this.frame();
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

    flip(index, kind) {
        const button = this.lanes[index]?.element.querySelector(`.${kind}`);
        if (!button) return;
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
        this.levels();
    }

    reset() {
        for (const { element } of this.lanes) {
            for (const button of element.querySelectorAll(".toggle")) button.setAttribute("aria-pressed", "false");
            element.querySelector(".gain").value = 1;
        }
        this.levels();
    }

    levels() {
        const on = (lane, kind) => lane.element.querySelector(`.${kind}`).getAttribute("aria-pressed") === "true";
        const solo = this.lanes.some((lane) => on(lane, "solo"));
        for (const lane of this.lanes) {
            const silent = on(lane, "mute") || (solo && !on(lane, "solo"));
            lane.element.classList.toggle("silent", silent);
            const volume = Number(lane.element.querySelector(".gain").value);
            // A short ramp: a jump would click.
            lane.gain?.gain.setTargetAtTime(silent ? 0 : volume * volume, this.context.currentTime, 0.012);
        }
    }

    frame() {
        if (!this.engine?.playing || !this.isConnected) return;
        if (this.engine.time() >= this.duration - 0.01) this.engine.pause();
        this.paint();
        requestAnimationFrame(() => this.frame());
    }

    paint() {
        const { play, seek, now } = this.parts;
        const time = this.time();
        const playing = Boolean(this.engine?.playing);
        play.classList.toggle("on", playing);
        play.setAttribute("aria-label", playing ? "Pause" : "Play");
        if (now.textContent !== clock(time)) {
            now.textContent = clock(time);
            seek.setAttribute("aria-valuetext", `${clock(time)} of ${clock(this.duration)}`);
        }
        seek.value = time;
        const place = `${(time / this.duration) * 100}%`;
        for (const lane of this.lanes) {
            lane.head.style.left = place;
            lane.level.style.scale = `${playing ? loudness(lane.meter) : 0} 1`;
        }
    }
}

const samples = new Float32Array(1024);

// −48 dB to 0 dB along the bar.
function loudness(meter) {
    meter.getFloatTimeDomainData(samples);
    let top = 0;
    for (const value of samples) if (Math.abs(value) > top) top = Math.abs(value);
    return top < 0.004 ? 0 : Math.min(1, 1 + (20 * Math.log10(top)) / 48);
}
