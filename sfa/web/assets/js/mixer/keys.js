// The keyboard plays: space, arrows, home, end, 1–9 mutes, shift + 1–9 solos, L, [ and ] loop, B compares, C sets a
// cue, + and − zoom, 0 shows the whole, F follows the play head.
// Fields and sliders keep their own keys, and all of it can be switched off (WCAG 2.1.4); the choice is remembered.
const TYPING = "input:not([type=range], [type=checkbox]), select, textarea, [contenteditable]";
const OWN_SPACE = "button, a, summary, audio, label, input[type=checkbox]";
const OFF = "sfa-keys-off";

export function keys(mixer, signal) {
    const box = mixer.querySelector(".keys-on");
    if (box) {
        box.checked = !localStorage.getItem(OFF);
        box.addEventListener("change", () => (box.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")), { signal });
    }
    document.addEventListener(
        "keydown",
        (event) => {
            if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.target.closest?.(TYPING) || localStorage.getItem(OFF)) return;
            const act = meaning(mixer, event);
            if (!act) return;
            act();
            event.preventDefault();
        },
        { signal },
    );
    // After a click with the mouse the space bar belongs to the transport again.
    mixer.addEventListener("click", (event) => {
        if (event.detail > 0 && event.target.closest("button")) event.target.closest("button").blur();
    }, { signal });
}

function meaning(mixer, event) {
    const { code, key, shiftKey, target } = event;
    const digit = /^Digit([1-9])$/.exec(code)?.[1];
    if (digit) return () => mixer.flip(Number(digit) - 1, shiftKey ? "solo" : "mute");
    if (code === "Space") return target.closest?.(OWN_SPACE) ? null : () => mixer.toggle();
    const own = target.matches?.("input[type=range]");
    const moves = {
        ArrowLeft: () => mixer.seek(shiftKey ? mixer.grid.beside(mixer.time(), -1) : mixer.time() - 5),
        ArrowRight: () => mixer.seek(shiftKey ? mixer.grid.beside(mixer.time(), 1) : mixer.time() + 5),
        Home: () => mixer.seek(0),
        End: () => mixer.seek(mixer.duration),
    };
    if (key in moves) return own ? null : moves[key];
    // By what is written on the keys: where + and − are is another place on every keyboard.
    const zooms = { "+": () => mixer.zoom(2), "=": () => mixer.zoom(2), "-": () => mixer.zoom(0.5), "−": () => mixer.zoom(0.5), 0: () => mixer.zoom(0) };
    if (key in zooms) return zooms[key];
    return {
        BracketLeft: () => mixer.looped((loop, at) => loop.begin(at)),
        BracketRight: () => mixer.looped((loop, at) => loop.finish(at)),
        KeyL: () => mixer.looped((loop, at) => loop.toggle(at)),
        KeyF: () => mixer.follow.again(mixer.time()),
        KeyB: () => mixer.turn(),
        KeyC: () => mixer.cues.here(shiftKey ? "hot" : "memory"),
    }[code] ?? null;
}
