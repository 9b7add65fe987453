// The one status line: said to everybody, gone after a while; with a way back where there is one ({words, act}).
let timer;

export function say(text, seconds = 8, back = null) {
    const line = document.getElementById("say");
    line.textContent = text;
    if (back) {
        const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-xs", textContent: back.words });
        button.addEventListener("click", () => {
            line.textContent = "";
            back.act();
        });
        line.append(" ", button);
    }
    clearTimeout(timer);
    timer = setTimeout(() => (line.textContent = ""), seconds * 1000);
}
