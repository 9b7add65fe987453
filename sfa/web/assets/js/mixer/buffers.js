// Stems decoded into memory and started by one AudioContext at one instant: they cannot drift apart.
// Limit: 21 MB a stem and minute, so the mixer takes it for shorter tracks only.
export class Buffers {
    constructor(context, lanes, duration) {
        Object.assign(this, { context, lanes, duration, offset: 0, startedAt: 0, sources: [], playing: false });
    }

    async load(tell) {
        let done = 0;
        tell(0);
        // One after the other: decoding side by side would double the peak of memory.
        for (const lane of this.lanes) {
            if (!lane.buffer) {
                const response = await fetch(lane.url);
                if (!response.ok) throw new Error(`the audio of ${lane.name} cannot be had (${response.status})`);
                lane.buffer = await this.context.decodeAudioData(await response.arrayBuffer());
            }
            tell(++done);
        }
    }

    play() {
        this.stopSources();
        // A little ahead, so that every source is ready when the instant comes.
        const at = this.context.currentTime + 0.03;
        this.sources = this.lanes.map((lane) => {
            const source = new AudioBufferSourceNode(this.context, { buffer: lane.buffer });
            source.connect(lane.gain);
            if (this.offset < lane.buffer.duration) source.start(at, this.offset);
            return source;
        });
        this.startedAt = at - this.offset;
        this.playing = true;
    }

    pause() {
        this.offset = this.time();
        this.stopSources();
        this.playing = false;
    }

    seek(seconds) {
        this.offset = Math.min(Math.max(0, seconds), this.duration);
        if (this.playing) this.play();
    }

    time() {
        if (!this.playing) return this.offset;
        return Math.min(Math.max(this.context.currentTime - this.startedAt, 0), this.duration);
    }

    stopSources() {
        for (const source of this.sources) {
            try {
                source.stop();
            } catch {
                // It was never started: its stem is shorter than the place.
            }
            source.disconnect();
        }
        this.sources = [];
    }

    close() {
        this.stopSources();
        for (const lane of this.lanes) lane.buffer = null;
    }
}
