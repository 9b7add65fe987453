// The live connection as a person sees it: live, paused, disconnected since when. The stream itself is htmx's.
import { still } from "./still.js";
import { t } from "./words.js";

const RETRY = 3000;

export function live(htmx) {
    const box = document.getElementById("live-state");
    const stream = document.getElementById("live");
    if (!box || !stream) return;
    const text = document.getElementById("live-text");
    const pause = document.getElementById("live-pause");
    const blank = stream.cloneNode();
    let heard = new Date();
    let connected = false;

    const show = (state, words) => {
        if (box.dataset.state === state) return;
        box.dataset.state = state;
        text.textContent = words;
    };
    const lost = () => {
        connected = false;
        if (!["paused", "out"].includes(box.dataset.state))
            show("away", t("disconnected – as of {time}", { time: heard.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" }) }));
    };
    const open = () => {
        document.getElementById("live")?.remove();
        document.body.append(blank.cloneNode());
        htmx.process(document.getElementById("live"));
    };

    still(() => {
        if (connected && box.dataset.state === "live") open();
    });

    document.addEventListener("htmx:sse:after:connection", (event) => {
        if (event.detail.connection.status === 200) connected = true;
    });
    document.addEventListener("htmx:sse:after:message", (event) => {
        if (event.detail.message.event) return;
        heard = new Date();
        connected = true;
        show("live", t("live"));
    });
    for (const name of ["htmx:sse:error", "htmx:sse:close", "htmx:sse:before:connection"])
        document.addEventListener(name, (event) => {
            // What a stream says that was taken off the page (on pause) comes late, and from the document.
            if (event.target.id !== "live") return;
            // Before a reconnection: the line is down, whoever cut it. Before the first one nothing is wrong yet.
            if (name === "htmx:sse:before:connection" && event.detail.connection.attempt === 0) return;
            if (event.detail?.status === 401) return out();
            if (!document.hidden) lost();
        });
    document.addEventListener("sfa-away", () => show("away", t("the database does not answer")));
    document.addEventListener("sfa-gone", () => location.assign("/tracks"));
    document.addEventListener("sfa-signed-out", () => out());
    const out = () => {
        show("out", t("signed out"));
        document.getElementById("live")?.remove();
    };

    pause.addEventListener("click", () => {
        const pausing = pause.getAttribute("aria-pressed") === "false";
        pause.setAttribute("aria-pressed", String(pausing));
        pause.setAttribute("aria-label", pausing ? t("Go on with live updates") : t("Pause live updates"));
        if (pausing) {
            show("paused", t("paused"));
            htmx.trigger(document.getElementById("live"), "htmx:abort");
            document.getElementById("live")?.remove();
        } else {
            show("connecting", t("connecting"));
            open();
        }
    });
    // htmx reconnects a stream that breaks; one that never came up is tried again here.
    setInterval(() => {
        const element = document.getElementById("live");
        if (!connected && !document.hidden && !["paused", "out"].includes(box.dataset.state) && !element?._htmx?.sse) {
            lost();
            open();
        }
    }, RETRY);
}
