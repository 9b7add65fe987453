// The play head stays in view: when it leaves, the view turns a page. Who scrolls by hand is left alone until the track is
// played again, something is sought, or F (or its button) says so. The page glides, or jumps where motion is not wanted.
const GLIDE = 220;
// Where the head is when a page begins, and where the next one does.
const HEAD = 0.08;
const TURN = 0.96;

export class Follow {
    constructor(view, button, signal) {
        Object.assign(this, { view, button, on: true, gliding: 0 });
        this.still = matchMedia("(prefers-reduced-motion: reduce)");
        signal.addEventListener("abort", () => cancelAnimationFrame(this.gliding));
    }

    // Scrolled by hand.
    off() {
        this.stop();
        this.set(false);
    }

    again(time) {
        this.set(true);
        if (!this.view.holds(time)) this.turn(time);
    }

    set(on) {
        this.on = on;
        this.button?.setAttribute("aria-pressed", String(on));
    }

    // With every frame of the picture while it plays.
    tick(time) {
        const share = this.view.share(time);
        if (this.on && !this.gliding && (share < 0 || share > TURN)) this.turn(time);
    }

    turn(time) {
        this.stop();
        const { view } = this;
        const begin = view.from;
        const end = Math.min(Math.max(0, time - HEAD * view.span), view.duration - view.span);
        // Only to the next page: across half a track a glide would be a blur.
        if (this.still.matches || Math.abs(end - begin) > 1.5 * view.span) return view.show(end);
        const started = performance.now();
        const step = (now) => {
            const done = Math.min(1, Math.max(0, now - started) / GLIDE);
            view.show(begin + (end - begin) * (1 - (1 - done) ** 3));
            this.gliding = done < 1 ? requestAnimationFrame(step) : 0;
        };
        this.gliding = requestAnimationFrame(step);
    }

    stop() {
        cancelAnimationFrame(this.gliding);
        this.gliding = 0;
    }
}
