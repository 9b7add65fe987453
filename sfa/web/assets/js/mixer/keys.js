// The keyboard plays: space, arrows, home, end, 1–9 mutes, shift + 1–9 solos. Fields and sliders keep their own keys.
const TYPING = "input:not([type=range]), select, textarea, [contenteditable]";
const OWN_SPACE = "button, a, summary, audio, label";

export function keys(mixer, signal) {
    document.addEventListener(
        "keydown",
        (event) => {
            if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.(TYPING)) return;
            const slider = event.target.matches?.("input[type=range]");
            const digit = /^Digit([1-9])$/.exec(event.code)?.[1];
            if (event.code === "Space" && !event.target.closest?.(OWN_SPACE)) mixer.toggle();
            else if (digit) mixer.flip(Number(digit) - 1, event.shiftKey ? "solo" : "mute");
            else if (!slider && event.key === "ArrowLeft") mixer.seek(mixer.time() - 5);
            else if (!slider && event.key === "ArrowRight") mixer.seek(mixer.time() + 5);
            else if (!slider && event.key === "Home") mixer.seek(0);
            else if (!slider && event.key === "End") mixer.seek(mixer.duration);
            else return;
            event.preventDefault();
        },
        { signal },
    );
    // After a click with the mouse the space bar belongs to the transport again.
    mixer.addEventListener("click", (event) => {
        if (event.detail > 0 && event.target.closest("button")) event.target.closest("button").blur();
    }, { signal });
}
