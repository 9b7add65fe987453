// One stem's lane: solo, mute, volume, pan and level; the sound goes through gain, meter and pan.
const FLOOR = 0.004;
const samples = new Float32Array(1024);

export class Lane {
    constructor(element) {
        const { stem, url, type, label } = element.dataset;
        Object.assign(this, { element, id: stem, url, type, label, name: element.getAttribute("aria-label"), silent: false });
        this.canvas = element.querySelector(".wave canvas");
        this.level = element.querySelector(".level > span");
        this.buttons = { solo: element.querySelector(".solo"), mute: element.querySelector(".mute") };
        this.sliders = { gain: element.querySelector(".gain"), pan: element.querySelector(".pan") };
    }

    wire(signal, { flip, level }) {
        for (const [kind, button] of Object.entries(this.buttons)) button.addEventListener("click", () => flip(kind), { signal });
        for (const slider of Object.values(this.sliders)) {
            slider.addEventListener("input", level, { signal });
            slider.addEventListener("dblclick", () => {
                slider.value = slider.defaultValue;
                level();
            }, { signal });
        }
    }

    connect(context) {
        this.gain = new GainNode(context);
        this.ear = new AnalyserNode(context, { fftSize: samples.length });
        this.panner = new StereoPannerNode(context);
        this.gain.connect(this.ear).connect(this.panner).connect(context.destination);
    }

    on(kind) {
        return this.buttons[kind].getAttribute("aria-pressed") === "true";
    }

    flip(kind) {
        this.buttons[kind].setAttribute("aria-pressed", String(!this.on(kind)));
    }

    reset() {
        for (const button of Object.values(this.buttons)) button.setAttribute("aria-pressed", "false");
        for (const slider of Object.values(this.sliders)) slider.value = slider.defaultValue;
    }

    // The slider's square: even steps are heard as even.
    get volume() {
        return Number(this.sliders.gain.value) ** 2;
    }

    set(silent, context) {
        this.silent = silent;
        this.element.classList.toggle("silent", silent);
        const pan = Number(this.sliders.pan.value);
        this.sliders.pan.setAttribute("aria-valuetext", pan === 0 ? "0" : `${Math.abs(Math.round(pan * 100))} ${pan < 0 ? "L" : "R"}`);
        // A short ramp: a jump would click.
        this.gain?.gain.setTargetAtTime(silent ? 0 : this.volume, context.currentTime, 0.012);
        this.panner?.pan.setTargetAtTime(pan, context.currentTime, 0.012);
    }

    // −48 dB to 0 dB along the bar.
    meter(playing) {
        let top = 0;
        if (playing) {
            this.ear.getFloatTimeDomainData(samples);
            for (const value of samples) if (Math.abs(value) > top) top = Math.abs(value);
        }
        this.level.style.scale = `${top < FLOOR ? 0 : Math.min(1, 1 + (20 * Math.log10(top)) / 48)} 1`;
    }
}
