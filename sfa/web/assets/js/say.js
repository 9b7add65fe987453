// The one status line: said to everybody, gone after a while.
let timer;

export function say(text, seconds = 8) {
    const line = document.getElementById("say");
    line.textContent = text;
    clearTimeout(timer);
    timer = setTimeout(() => (line.textContent = ""), seconds * 1000);
}
