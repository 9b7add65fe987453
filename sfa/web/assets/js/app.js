// What every page needs: htmx with its stream, the live state, the theme, uploads, messages.
import htmx from "htmx.org/dist/htmx.esm.js";
import { theme } from "./theme.js";
import { say } from "./say.js";
import { t } from "./words.js";

globalThis.htmx = htmx;
// The extension registers itself on the global, so it comes after.
await import("htmx.org/dist/ext/hx-sse.js");
const { live } = await import("./live.js");
const { upload } = await import("./upload.js");
const { follow } = await import("./follow.js");
const { bulk } = await import("./bulk.js");

theme(document.getElementById("theme"));
live(htmx);
upload(document.getElementById("upload"));
follow();
bulk(document.querySelector("[data-bulk]"));
menus();

document.addEventListener("htmx:after:request", (event) => {
    const response = event.detail?.ctx?.response?.raw;
    if (!response || response.ok || response.headers.get("content-type")?.includes("event-stream")) return;
    if (response.status === 401) return location.reload();
    if (event.detail.ctx.request.method !== "GET") say(sentence(event.detail.ctx) ?? t("That did not work ({status}).", { status: response.status }));
});

function sentence(ctx) {
    try {
        return JSON.parse(ctx.text).error;
    } catch {
        return null;
    }
}

// A menu closes by Escape and by a click elsewhere.
function menus() {
    const open = () => document.querySelectorAll("details.menu[open]");
    document.addEventListener("click", (event) => open().forEach((menu) => menu.contains(event.target) || (menu.open = false)));
    document.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") return;
        for (const menu of open()) {
            menu.open = false;
            menu.querySelector("summary").focus();
        }
    });
}
