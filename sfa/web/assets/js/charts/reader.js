// A cursor that reads a chart over time: by pointer and by arrow keys; a click or Enter plays from there.
import { t } from "../words.js";
export function reader(element, svg, { times, x, top, bottom, nearest, text }) {
    const cursor = svg.append("line").attr("class", "cursor").attr("y1", top).attr("y2", bottom).attr("visibility", "hidden");
    const readout = document.createElement("p");
    readout.className = "readout";
    readout.textContent = t("Point to read, click to hear the place.");
    element.append(readout);
    let at = 0;
    const show = (index) => {
        at = Math.min(Math.max(0, index), times.length - 1);
        cursor.attr("x1", x(times[at])).attr("x2", x(times[at])).attr("visibility", "visible");
        readout.textContent = text(at);
    };
    const hear = () => document.dispatchEvent(new CustomEvent("sfa-seek", { detail: times[at] }));
    svg.on("pointermove", (event) => show(nearest(event)))
        .on("pointerdown", (event) => { show(nearest(event)); hear(); })
        .on("keydown", (event) => {
            const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
            if (!step && event.key !== "Enter") return;
            event.preventDefault();
            event.stopPropagation();
            if (step) show(at + step * (event.shiftKey ? 10 : 1));
            else hear();
        });
}
