// Choosing many rows: a box for all of them, how many are chosen, shift for a range.
export function bulk(form) {
    if (!form) return;
    const all = form.querySelector("[data-all]");
    const count = form.querySelector("[data-count]");
    const words = { none: count.textContent, some: count.dataset.some };
    let last = null;
    const boxes = () => [...form.querySelectorAll("input[name=id]")];
    const show = () => {
        const chosen = boxes().filter((box) => box.checked).length;
        all.checked = chosen > 0 && chosen === boxes().length;
        all.indeterminate = chosen > 0 && !all.checked;
        count.textContent = chosen ? words.some.replace("{n}", chosen) : words.none;
    };
    all.addEventListener("change", () => {
        for (const box of boxes()) box.checked = all.checked;
        show();
    });
    form.addEventListener("click", (event) => {
        const box = event.target.closest("input[name=id]");
        if (!box) return;
        const list = boxes();
        if (event.shiftKey && last?.isConnected) {
            const [from, to] = [list.indexOf(last), list.indexOf(box)].sort((a, b) => a - b);
            for (const between of list.slice(from, to + 1)) between.checked = box.checked;
        }
        last = box;
        show();
    });
    document.addEventListener("htmx:sse:after:message", show);
    show();
}
