// Rows never jump under the pointer: while it is over a list (or a row there has the focus), news that would add, remove
// or move rows of that list are held back; the page catches up when the pointer leaves or rests for a while.
const REST = 6000;
const ROWS = "[id]";

export function still(catchUp) {
    let over = null;
    let timer = 0;
    let held = false;
    const leave = () => {
        over = null;
        clearTimeout(timer);
        if (held) catchUp();
        held = false;
    };
    document.addEventListener("pointermove", (event) => {
        if (event.pointerType !== "mouse") return;
        const list = event.target.closest?.("[data-still]") ?? null;
        if (list !== over && over) leave();
        over = list;
        clearTimeout(timer);
        if (over) timer = setTimeout(leave, REST);
    });
    document.documentElement.addEventListener("pointerleave", leave);
    document.addEventListener("htmx:sse:before:message", (event) => {
        const list = over ?? document.activeElement?.closest?.("[data-still]");
        if (!list || event.detail.message.event) return;
        const news = document.createElement("template");
        news.innerHTML = event.detail.message.data;
        const partial = news.content.querySelector(`hx-partial[hx-target="#${list.id}"]`);
        if (!partial || order(partial) === order(list)) return;
        held = true;
        partial.remove();
        if (news.content.querySelector("hx-partial")) event.detail.message.data = news.innerHTML;
        else event.preventDefault();
    });
    document.addEventListener("focusout", (event) => {
        if (held && !over && !event.relatedTarget?.closest?.("[data-still]")) leave();
    });
}

// What a partial holds may itself be a template's content.
function order(element) {
    const root = element.content ?? element;
    return [...root.querySelectorAll(ROWS)].map((row) => row.id).join(" ");
}
