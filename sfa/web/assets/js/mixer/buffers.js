// Stems decoded into memory and started by one AudioContext at one instant: they cannot drift apart, and a loop is
// exact to the sample. What is heard changes over within a hundredth of a second, so that nothing clicks.
// Limit: 21 MB a stem and minute, so the mixer takes it for shorter tracks only.
const AHEAD = 0.03;
const FADE = 0.01;

export class Buffers {
    constructor(context, lanes, duration) {
        Object.assign(this, { context, lanes, duration, side: "a", offset: 0, startedAt: 0, sources: [], playing: false, region: null });
    }

    async load(tell, side = this.side) {
        const wanted = this.lanes.flatMap((lane) => lane.urls[side].map((url) => [lane, url]));
        let done = 0;
        tell(0, wanted.length);
        // One after the other: decoding side by side would double the peak of memory.
        for (const [lane, url] of wanted) {
            lane.buffers ??= new Map();
            if (!lane.buffers.has(url)) {
                const response = await fetch(url);
                if (!response.ok) throw new Error(`${lane.name}: ${response.status}`);
                lane.buffers.set(url, await this.context.decodeAudioData(await response.arrayBuffer()));
            }
            tell(++done, wanted.length);
        }
    }

    // The buffers that are heard on this side, each with its lane.
    heard() {
        return this.lanes.flatMap((lane) => lane.urls[this.side].map((url) => [lane, lane.buffers.get(url)]));
    }

    play() {
        // A little ahead, so that every source is ready when the instant comes.
        const at = this.context.currentTime + AHEAD;
        const heard = this.heard();
        const shortest = Math.min(...heard.map(([, buffer]) => buffer.duration));
        const { start = 0, end = 0 } = this.region ?? {};
        this.cycle = this.region && { start, end: Math.min(end, shortest) };
        if (this.cycle && this.offset >= this.cycle.end) this.offset = start;
        this.stopSources(at);
        this.sources = heard.map(([lane, buffer]) => {
            const source = new AudioBufferSourceNode(this.context, { buffer });
            if (this.cycle) Object.assign(source, { loop: true, loopStart: this.cycle.start, loopEnd: this.cycle.end });
            source.fade = new GainNode(this.context, { gain: 0 });
            source.fade.gain.setValueAtTime(0, at);
            source.fade.gain.linearRampToValueAtTime(1, at + FADE);
            source.connect(source.fade).connect(lane.gain);
            if (this.offset < buffer.duration) source.start(at, this.offset);
            return source;
        });
        this.startedAt = at - this.offset;
        this.playing = true;
    }

    pause() {
        this.offset = this.time();
        this.stopSources(this.context.currentTime);
        this.playing = false;
    }

    seek(seconds) {
        this.offset = Math.min(Math.max(0, seconds), this.duration);
        if (this.playing) this.play();
    }

    // The stretch {start, end} is repeated from now on; null: no more.
    loop(region) {
        this.offset = this.time();
        this.region = region;
        if (this.playing) this.again();
    }

    // The other separation, from the same place.
    turn(side) {
        this.offset = this.time();
        this.side = side;
        if (this.playing) this.again();
    }

    // What is heard next begins where what is heard now will be when it begins.
    again() {
        this.offset = this.wrapped(this.offset + AHEAD);
        this.play();
    }

    time() {
        return this.playing ? this.wrapped(this.context.currentTime - this.startedAt) : this.offset;
    }

    wrapped(time) {
        const { start, end } = this.cycle ?? {};
        if (this.playing && this.cycle && time >= end) return start + ((time - start) % (end - start));
        return Math.min(Math.max(time, 0), this.duration);
    }

    stopSources(at) {
        for (const source of this.sources) {
            try {
                source.fade.gain.setValueAtTime(1, at);
                source.fade.gain.linearRampToValueAtTime(0, at + FADE);
                source.stop(at + FADE);
                source.addEventListener("ended", () => source.fade.disconnect());
            } catch {
                // It was never started: its stem is shorter than the place.
                source.fade.disconnect();
            }
        }
        this.sources = [];
    }

    close() {
        this.stopSources(this.context.currentTime);
        for (const lane of this.lanes) lane.buffers = null;
    }
}
