// Files that are dropped or chosen go up one after the other, raw, with a bar each.
import { say } from "./say.js";

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
    name.textContent = `${file.name} – waiting`;
    bar.className = "meter";
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", `Upload of ${file.name}`);
    item.append(name, bar);
    list.append(item);
    return { item, name, bar };
}

function send(file, model, limit, { item, name, bar }) {
    const fail = (why) => {
        bar.remove();
        name.className = "bad";
        name.textContent = why;
        say(why);
    };
    if (file.size > limit) return fail(`${file.name} is larger than ${limit / 1e6} MB.`);
    return new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open("POST", `/tracks?model=${encodeURIComponent(model)}`);
        request.setRequestHeader("X-Filename", encodeURIComponent(file.name));
        request.setRequestHeader("Content-Type", "application/octet-stream");
        request.setRequestHeader("Accept", "application/json");
        request.responseType = "json";
        request.upload.addEventListener("progress", (event) => {
            bar.value = (event.loaded / event.total) * 100;
            name.textContent = `${file.name} – ${Math.floor(bar.value)} % of ${(file.size / 1e6).toFixed(1)} MB`;
        });
        request.addEventListener("load", () => {
            if (request.status === 201) {
                item.remove();
                say(`${request.response.title} is here; its separation is waiting.`);
            } else if (request.status === 401) location.reload();
            else fail(request.response?.error ?? `${file.name} was refused (${request.status}).`);
            resolve();
        });
        request.addEventListener("error", () => {
            fail(`${file.name} did not get through: the connection broke. Drop it again.`);
            resolve();
        });
        request.send(file);
    });
}
