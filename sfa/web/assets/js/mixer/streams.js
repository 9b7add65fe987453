// Long tracks: an <audio> element a stem, streamed; the first one is the clock and the others are pulled towards it.
// Limit: stems may be up to 40 ms apart until the next correction. The mixer says so.
const APART = 0.04;
const EVERY = 500;

export class Streams {
    constructor(context, lanes, duration) {
        Object.assign(this, { context, lanes, duration, playing: false, timer: 0 });
    }

    async load(tell) {
        tell(0);
        let done = 0;
        for (const lane of this.lanes) {
            if (!lane.audio) {
                lane.audio = new Audio(lane.url);
                lane.audio.preload = "auto";
                this.context.createMediaElementSource(lane.audio).connect(lane.gain);
                await new Promise((resolve, reject) => {
                    lane.audio.addEventListener("canplay", resolve, { once: true });
                    lane.audio.addEventListener("error", () => reject(new Error(`the audio of ${lane.name} cannot be played`)), { once: true });
                });
            }
            tell(++done);
        }
    }

    play() {
        for (const { audio } of this.lanes) audio.play();
        this.playing = true;
        clearInterval(this.timer);
        this.timer = setInterval(() => this.correct(), EVERY);
    }

    correct() {
        const [first, ...others] = this.lanes.map((lane) => lane.audio);
        for (const audio of others) {
            const apart = audio.currentTime - first.currentTime;
            if (Math.abs(apart) > 0.5) audio.currentTime = first.currentTime;
            audio.playbackRate = Math.abs(apart) > APART ? 1 - Math.sign(apart) * 0.02 : 1;
        }
    }

    pause() {
        clearInterval(this.timer);
        for (const { audio } of this.lanes) audio.pause();
        this.playing = false;
    }

    seek(seconds) {
        for (const { audio } of this.lanes) if (audio) audio.currentTime = Math.min(Math.max(0, seconds), this.duration);
    }

    time() {
        return this.lanes[0].audio?.currentTime ?? 0;
    }

    close() {
        this.pause();
        for (const { audio } of this.lanes) audio.removeAttribute("src");
    }
}
