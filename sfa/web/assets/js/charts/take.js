// Take a chart away: as SVG with its colours written in, as PNG at twice its size, its table as CSV.
const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "font-size", "font-weight", "font-family", "visibility"];

export function take(figure, kind) {
    const svg = figure.querySelector("sfa-chart svg");
    const name = figure.dataset.name;
    if (kind === "csv") return save(new Blob([csv(figure.querySelector("table"))], { type: "text/csv" }), `${name}.csv`);
    if (!svg) return;
    const text = new XMLSerializer().serializeToString(plain(svg));
    if (kind === "svg") return save(new Blob([text], { type: "image/svg+xml" }), `${name}.svg`);
    const { width, height } = svg.getBoundingClientRect();
    const picture = new Image();
    picture.addEventListener("load", () => {
        const canvas = Object.assign(document.createElement("canvas"), { width: width * 2, height: height * 2 });
        const pen = canvas.getContext("2d");
        pen.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
        pen.fillRect(0, 0, canvas.width, canvas.height);
        pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
        canvas.toBlob((blob) => save(blob, `${name}.png`));
    });
    picture.src = `data:image/svg+xml,${encodeURIComponent(text)}`;
}

// Attributes, not a style attribute: the page's policy forbids those.
function plain(svg) {
    const copy = svg.cloneNode(true);
    const box = svg.getBoundingClientRect();
    const pairs = [[svg, copy], ...[...svg.querySelectorAll("*")].map((node, i) => [node, copy.querySelectorAll("*")[i]])];
    for (const [from, to] of pairs) {
        const style = getComputedStyle(from);
        for (const name of STYLES) to.setAttribute(name, style.getPropertyValue(name));
    }
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", box.width);
    copy.setAttribute("height", box.height);
    return copy;
}

function csv(table) {
    const cell = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    return [...table.rows].map((row) => [...row.cells].map((each) => cell(each.textContent.trim())).join(",")).join("\r\n") + "\r\n";
}

function save(blob, name) {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
