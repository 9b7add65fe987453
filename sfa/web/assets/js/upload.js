// Files that are dropped or chosen go up one after the other, in pieces, with a bar each. A connection that breaks is
// waited for and gone on with from the place that the server names; so is the same file after a reload.
import { say } from "./say.js";
import { t } from "./words.js";

const PIECE = 8 * 2 ** 20;
const PAUSES = [1, 2, 4, 8, 15, 30];
const remembered = (file) => `sfa-upload ${file.name} ${file.size} ${file.lastModified}`;

export function upload(form) {
    if (!form) return;
    const input = form.querySelector("input[type=file]");
    const list = form.querySelector("#uploads");
    const limit = Number(form.dataset.limitMb) * 1e6;
    let last = Promise.resolve();

    const take = (files) => {
        for (const file of files) {
            const row = line(list, file);
            last = last.then(() => send(file, form.elements.model.value, limit, row));
        }
        form.closest("details")?.setAttribute("open", "");
    };
    input.addEventListener("change", () => {
        take(input.files);
        input.value = "";
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    for (const name of ["dragenter", "dragover"])
        document.addEventListener(name, (event) => {
            if (!event.dataTransfer?.types.includes("Files")) return;
            event.preventDefault();
            document.body.classList.add("dragging");
        });
    document.addEventListener("dragleave", (event) => {
        if (!event.relatedTarget) document.body.classList.remove("dragging");
    });
    document.addEventListener("drop", (event) => {
        document.body.classList.remove("dragging");
        if (!event.dataTransfer?.files.length) return;
        event.preventDefault();
        take(event.dataTransfer.files);
    });
}

function line(list, file) {
    const item = document.createElement("li");
    const name = document.createElement("span");
    const bar = document.createElement("progress");
    const stop = document.createElement("button");
    name.textContent = t("{name} – waiting", { name: file.name });
    bar.className = "meter";
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", t("Upload of {name}", { name: file.name }));
    stop.type = "button";
    stop.className = "btn btn-xs btn-ghost";
    stop.textContent = t("Give up");
    stop.setAttribute("aria-label", t("Give up the upload of {name}", { name: file.name }));
    item.append(name, bar, stop);
    list.append(item);
    const row = { item, name, bar, stop, ending: new AbortController() };
    stop.addEventListener("click", () => row.ending.abort());
    return row;
}

class Refused extends Error {}

async function send(file, model, limit, row) {
    const { item, name, bar, stop, ending } = row;
    const signal = ending.signal;
    let address = null;
    try {
        if (file.size > limit) throw new Refused(t("{name} is larger than {limit} MB.", { name: file.name, limit: limit / 1e6 }));
        if (!file.size) throw new Refused(t("{name} is empty.", { name: file.name }));
        let offset = 0;
        let track = null;
        for (let tries = 0; !track; ) {
            try {
                if (!address) [address, offset] = await begun(file, model, signal);
                const piece = await put(address, offset, file, row);
                tries = 0;
                if (piece.status === 201) track = piece.response;
                else offset = piece.offset;
            } catch (error) {
                if (error instanceof Refused || signal.aborted) throw error;
                name.textContent = t("{name} – the connection broke, going on at {percent} %", { name: file.name, percent: Math.floor((offset / file.size) * 100) });
                await pause(PAUSES[Math.min(tries++, PAUSES.length - 1)], signal);
                offset = (await where(address, signal)) ?? offset;
            }
        }
        localStorage.removeItem(remembered(file));
        item.remove();
        say(t("{title} is here; its separation is waiting.", { title: track.title || file.name }));
    } catch (error) {
        localStorage.removeItem(remembered(file));
        if (address && signal.aborted) fetch(address, { method: "DELETE" }).catch(() => null);
        const why = signal.aborted ? t("{name} was given up.", { name: file.name }) : error.message;
        bar.remove();
        stop.remove();
        name.className = "bad";
        name.textContent = why;
        say(why);
    }
}

// A new upload, or the one that this very file had before.
async function begun(file, model, signal) {
    const known = localStorage.getItem(remembered(file));
    const offset = known ? await where(known, signal) : null;
    if (offset !== null) return [known, offset];
    const response = await fetch(`/uploads?model=${encodeURIComponent(model)}`, {
        method: "POST", signal,
        headers: { "X-Filename": encodeURIComponent(file.name), "Upload-Length": String(file.size), Accept: "application/json" },
    });
    if (!response.ok) await refuse(response, file);
    const address = response.headers.get("location");
    localStorage.setItem(remembered(file), address);
    return [address, 0];
}

async function refuse(response, file) {
    if (response.status === 401) location.reload();
    if (response.status >= 500) throw new Error(String(response.status));
    const body = await response.json().catch(() => ({}));
    throw new Refused(body.error ?? t("{name} was refused ({status}).", { name: file.name, status: response.status }));
}

// How far the server is; null: it does not know this upload (any more). Throws nothing: without a connection, null too.
async function where(address, signal) {
    if (!address) return null;
    const response = await fetch(address, { method: "HEAD", signal }).catch(() => null);
    if (!response?.ok) return null;
    return Number(response.headers.get("upload-offset"));
}

function put(address, offset, file, { bar, name, ending }) {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        const stop = () => request.abort();
        ending.signal.addEventListener("abort", stop, { once: true });
        request.open("PATCH", address);
        request.setRequestHeader("Upload-Offset", String(offset));
        request.setRequestHeader("Content-Type", "application/offset+octet-stream");
        request.setRequestHeader("Accept", "application/json");
        request.responseType = "json";
        request.upload.addEventListener("progress", (event) => {
            bar.value = ((offset + event.loaded) / file.size) * 100;
            name.textContent = t("{name} – {percent} % of {size} MB", { name: file.name, percent: Math.floor(bar.value), size: (file.size / 1e6).toFixed(1) });
        });
        request.addEventListener("load", () => {
            const { status, response } = request;
            if (status === 201 || status === 204 || status === 409) resolve({ status, response, offset: Number(request.getResponseHeader("upload-offset")) });
            else if (status === 401) location.reload();
            else if (status >= 500) reject(new Error(String(status)));
            else reject(new Refused(response?.error ?? t("{name} was refused ({status}).", { name: file.name, status })));
        });
        request.addEventListener("error", () => reject(new Error("connection")));
        request.addEventListener("abort", () => reject(new Error("given up")));
        request.addEventListener("loadend", () => ending.signal.removeEventListener("abort", stop));
        request.send(file.slice(offset, offset + PIECE));
    });
}

function pause(seconds, signal) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, seconds * 1000);
        window.addEventListener("online", resolve, { once: true });
        signal.addEventListener("abort", () => (clearTimeout(timer), reject(new Error("given up"))), { once: true });
    });
}
