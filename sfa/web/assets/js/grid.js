// The beat grid's corrections that need to know where the music is: taps, and "a bar begins here".
import { say } from "./say.js";
import { t } from "./words.js";

const PAUSE = 2000;
const taps = [];
let waiting = 0;

const mixer = () => document.querySelector("sfa-mixer");

async function send(form, values) {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(values), headers: { accept: "application/json", "hx-request": "true" } }).catch(() => null);
    if (!answer?.ok) say((await answer?.json().catch(() => null))?.error ?? t("The grid could not be corrected."));
}

// Taps are sent when there are four or more and the finger rests.
function tap(button) {
    const player = mixer();
    if (!player?.engine?.playing) return say(t("Play the track, then tap along."));
    taps.push(player.time());
    button.textContent = t("Tap {n}", { n: taps.length });
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
        const times = taps.splice(0);
        button.textContent = t("Tap");
        if (times.length < 4) say(t("Four taps or more, please."));
        else await send(button.form, { taps: times.map((time) => time.toFixed(4)).join(" ") });
    }, PAUSE);
}

export function grid() {
    document.addEventListener("click", (event) => {
        const button = event.target.closest("[data-tap], [data-here]");
        if (!button) return;
        if (button.dataset.here) send(button.form, { [button.dataset.here]: String(mixer()?.time() ?? 0) });
    });
    // On the way down: a click comes when the finger is up again, which is late.
    document.addEventListener("pointerdown", (event) => {
        const button = event.target.closest("[data-tap]");
        if (button) tap(button);
    });
    document.addEventListener("keydown", (event) => {
        if (event.target.closest?.("[data-tap]") && event.key === "Enter" && !event.repeat) {
            event.preventDefault();
            tap(event.target);
        }
    });
}
