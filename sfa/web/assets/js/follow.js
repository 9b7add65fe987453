// A log that grows is followed as long as its end is in sight; whoever has scrolled up reads in peace.
const NEAR = 24;

export function follow() {
    const ends = new WeakMap();
    const all = () => document.querySelectorAll("[data-follow]");
    const note = () => all().forEach((pre) => ends.set(pre, pre.scrollHeight - pre.scrollTop - pre.clientHeight < NEAR));
    const go = () => all().forEach((pre) => ends.get(pre) !== false && (pre.scrollTop = pre.scrollHeight));
    document.addEventListener("htmx:sse:before:message", note);
    document.addEventListener("htmx:sse:after:message", go);
    go();
}
