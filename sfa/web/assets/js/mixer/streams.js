// Long tracks: an <audio> element a stem, streamed; the first one is the clock and the others are pulled towards it.
// Limit: stems may be up to 40 ms apart until the next correction, and a loop's seam is as rough. The mixer says so.
const APART = 0.04;
const EVERY = 500;

export class Streams {
    constructor(context, lanes, duration) {
        Object.assign(this, { context, lanes, duration, side: "a", playing: false, timer: 0, region: null });
    }

    async load(tell, side = this.side) {
        const wanted = this.lanes.flatMap((lane) => lane.urls[side].map((url) => [lane, url]));
        let done = 0;
        tell(0, wanted.length);
        for (const [lane, url] of wanted) {
            lane.audios ??= new Map();
            if (!lane.audios.has(url)) {
                const audio = new Audio(url);
                audio.preload = "auto";
                this.context.createMediaElementSource(audio).connect(lane.gain);
                lane.audios.set(url, audio);
                await new Promise((resolve, reject) => {
                    audio.addEventListener("canplay", resolve, { once: true });
                    audio.addEventListener("error", () => reject(new Error(lane.name)), { once: true });
                });
            }
            tell(++done, wanted.length);
        }
    }

    heard() {
        return this.lanes.flatMap((lane) => lane.urls[this.side].map((url) => lane.audios?.get(url)).filter(Boolean));
    }

    play() {
        for (const audio of this.heard()) audio.play();
        this.playing = true;
        clearInterval(this.timer);
        this.timer = setInterval(() => this.correct(), EVERY);
    }

    correct() {
        const [first, ...others] = this.heard();
        for (const audio of others) {
            const apart = audio.currentTime - first.currentTime;
            if (Math.abs(apart) > 0.5) audio.currentTime = first.currentTime;
            audio.playbackRate = Math.abs(apart) > APART ? 1 - Math.sign(apart) * 0.02 : 1;
        }
    }

    pause() {
        clearInterval(this.timer);
        for (const audio of this.heard()) audio.pause();
        this.playing = false;
    }

    seek(seconds) {
        for (const audio of this.heard()) audio.currentTime = Math.min(Math.max(0, seconds), this.duration);
    }

    loop(region) {
        this.region = region;
        if (region && this.time() >= region.end) this.seek(region.start);
    }

    // Called with every frame of the picture: the end of the loop is noticed there.
    tick() {
        if (this.region && this.playing && this.time() >= this.region.end) this.seek(this.region.start);
    }

    turn(side) {
        const [time, playing] = [this.time(), this.playing];
        this.pause();
        this.side = side;
        this.seek(time);
        if (playing) this.play();
    }

    time() {
        return this.heard()[0]?.currentTime ?? 0;
    }

    close() {
        this.pause();
        for (const lane of this.lanes) for (const audio of lane.audios?.values() ?? []) audio.removeAttribute("src");
    }
}
