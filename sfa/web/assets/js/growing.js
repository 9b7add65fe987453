// <sfa-growing>: plays what a running separation has written so far. The pieces of all stems start together on one clock
// and join to the sample; at the end of what is done it waits for more. Limits: from the start only, no seeking.
import { clock } from "./clock.js";
import { say } from "./say.js";
import { t } from "./words.js";

const AHEAD = 8; // seconds that are scheduled before they are heard
const EVERY = 2000; // milliseconds between two questions for more

export class Growing extends HTMLElement {
    connectedCallback() {
        this.button = this.querySelector(".play");
        this.button.addEventListener("click", () => this.toggle());
    }

    // Moved within the page by a morph: nothing ends.
    connectedMoveCallback() {}

    disconnectedCallback() {
        this.stop();
    }

    toggle() {
        if (this.context) this.stop();
        else this.start();
    }

    start() {
        // The stems' own rate: a piece that were resampled by itself would not join the next one without a click.
        this.context = new AudioContext({ sampleRate: 44100 });
        Object.assign(this, { gains: {}, spans: [], index: 0, end: 0, asked: 0, stems: {} });
        this.show(true);
        this.timer = setInterval(() => this.feed(), 250);
        this.feed();
    }

    stop() {
        clearInterval(this.timer);
        this.context?.close();
        this.context = null;
        if (this.button) this.show(false);
    }

    show(playing) {
        this.button.setAttribute("aria-pressed", String(playing));
        this.button.querySelector("span").textContent = playing ? t("Stop") : t("Play what is done");
    }

    async feed() {
        if (this.feeding || !this.context) return;
        this.feeding = true;
        const context = this.context;
        try {
            const short = () => this.context === context && this.end - context.currentTime < AHEAD;
            if (short() && this.index >= this.count() && performance.now() - this.asked > EVERY) await this.ask();
            while (short() && this.index < this.count()) await this.schedule(this.index++);
        } catch (error) {
            say(t("This cannot be played: {why}.", { why: error.message }));
            this.stop();
        } finally {
            this.feeding = false;
        }
        this.querySelector(".now").textContent = clock(this.time());
    }

    // Seconds of the track that are heard at this moment.
    time() {
        const now = this.context?.currentTime ?? 0;
        const span = this.spans.findLast(({ at }) => at <= now);
        return span ? span.start + Math.min(now - span.at, span.seconds) : 0;
    }

    count() {
        const lengths = Object.values(this.stems).map((pieces) => pieces.length);
        return lengths.length ? Math.min(...lengths) : 0;
    }

    async ask() {
        this.asked = performance.now() || 1;
        const response = await fetch(this.dataset.src);
        if (response.status === 404) {
            // The stems are whole: the mixer has them now. What is scheduled is still heard.
            if (this.time() >= (this.spans.at(-1)?.start ?? 0)) this.stop();
            return;
        }
        if (!response.ok) throw new Error(t("the server answered {status}", { status: response.status }));
        this.stems = (await response.json()).stems;
        for (const name of Object.keys(this.stems)) if (!this.gains[name]) this.add(name);
    }

    add(name) {
        const gain = new GainNode(this.context);
        gain.connect(this.context.destination);
        this.gains[name] = gain;
        let button = this.querySelector(`[data-stem="${name}"]`);
        if (!button) {
            button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-xs", textContent: name });
            button.dataset.stem = name;
            button.setAttribute("aria-pressed", "true");
            button.addEventListener("click", () => this.flip(button));
            this.querySelector(".names").append(button);
        }
        gain.gain.value = Number(button.getAttribute("aria-pressed") === "true");
    }

    flip(button) {
        const on = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(on));
        this.gains?.[button.dataset.stem]?.gain.setTargetAtTime(Number(on), this.context?.currentTime ?? 0, 0.012);
    }

    async schedule(index) {
        const context = this.context;
        const parts = await Promise.all(
            Object.entries(this.stems).map(async ([name, pieces]) => {
                const response = await fetch(pieces[index].url);
                if (!response.ok) throw new Error(t("a piece of {name} cannot be had ({status})", { name, status: response.status }));
                return [name, pieces[index], await context.decodeAudioData(await response.arrayBuffer())];
            }),
        );
        if (this.context !== context) return;
        // On the grid of samples, a little ahead; where more came too late there is a pause, never an overlap.
        const soon = Math.ceil((context.currentTime + 0.05) * context.sampleRate) / context.sampleRate;
        const at = Math.max(this.end, soon);
        for (const [name, , buffer] of parts) {
            const source = new AudioBufferSourceNode(context, { buffer });
            source.connect(this.gains[name]);
            source.start(at);
        }
        const { start, seconds } = parts[0][1];
        this.spans.push({ at, start, seconds });
        this.end = at + seconds;
    }
}
