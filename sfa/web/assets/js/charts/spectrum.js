// Centroid and rolloff over time on a log scale, told apart by dashes and words; a cursor reads values, a click seeks.
import { axisBottom, axisLeft } from "d3-axis";
import { bisectCenter, extent } from "d3-array";
import { scaleLinear, scaleLog } from "d3-scale";
import { pointer, select } from "d3-selection";
import { line } from "d3-shape";
import { clock } from "../clock.js";
import { t } from "../words.js";

const HEIGHT = 240;
const EDGE = { top: 12, right: 66, bottom: 26, left: 40 };
const hertz = (value) => (value >= 1000 ? `${(value / 1000).toFixed(1)} kHz` : `${Math.round(value)} Hz`);

export function spectrum(element, { duration, series }, width) {
    const { times, centroid, rolloff } = series;
    const audible = [...centroid, ...rolloff].filter((value) => value > 0);
    if (!times.length || !audible.length) {
        element.textContent = t("Silence has no spectrum to draw.");
        return;
    }
    const [low, high] = extent(audible);
    const x = scaleLinear([0, Math.max(duration, times.at(-1))], [EDGE.left, width - EDGE.right]);
    const y = scaleLog([Math.max(40, low * 0.8), high * 1.15], [HEIGHT - EDGE.bottom, EDGE.top]).clamp(true);
    const svg = select(element).append("svg").attr("viewBox", `0 0 ${width} ${HEIGHT}`).attr("tabindex", 0).attr("role", "img")
        .attr("aria-label", t("Spectral centroid and rolloff over time; arrow keys read values"));
    const ticks = [50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000].filter((tick) => tick >= y.domain()[0] && tick <= y.domain()[1]);
    svg.append("g").attr("class", "grid").attr("transform", `translate(${EDGE.left},0)`)
        .call(axisLeft(y).tickValues(ticks).tickFormat((tick) => (tick >= 1000 ? `${tick / 1000}k` : tick)).tickSize(-(width - EDGE.left - EDGE.right)))
        .call((axis) => axis.select(".domain").remove());
    svg.append("g").attr("transform", `translate(0,${HEIGHT - EDGE.bottom})`).call(axisBottom(x).ticks(Math.max(2, width / 110)).tickFormat(clock));

    for (const [name, values] of [["rolloff", rolloff], ["centroid", centroid]]) {
        const path = line((_, i) => x(times[i]), (value) => y(value)).defined((value) => value > 0);
        svg.append("path").attr("class", `line ${name}`).attr("d", path(values));
        const last = values.findLast((value) => value > 0);
        svg.append("text").attr("class", "strong").attr("x", width - EDGE.right + 6).attr("y", y(last) + 4).text(name);
    }

    const cursor = svg.append("line").attr("class", "cursor").attr("y1", EDGE.top).attr("y2", HEIGHT - EDGE.bottom).attr("visibility", "hidden");
    const readout = select(element).append("p").attr("class", "readout").text(t("Point at the lines to read them; click to hear the place."));
    let at = 0;
    const show = (index) => {
        at = Math.min(Math.max(0, index), times.length - 1);
        cursor.attr("x1", x(times[at])).attr("x2", x(times[at])).attr("visibility", "visible");
        readout.text(t("{time} · centroid {centroid} · rolloff {rolloff}", { time: clock(times[at]), centroid: hertz(centroid[at]), rolloff: hertz(rolloff[at]) }));
    };
    const hear = () => document.dispatchEvent(new CustomEvent("sfa-seek", { detail: times[at] }));
    svg.on("pointermove", (event) => show(bisectCenter(times, x.invert(pointer(event)[0]))))
        .on("pointerdown", (event) => { show(bisectCenter(times, x.invert(pointer(event)[0]))); hear(); })
        .on("keydown", (event) => {
            const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
            if (!step && event.key !== "Enter") return;
            event.preventDefault();
            event.stopPropagation();
            if (step) show(at + step * (event.shiftKey ? 10 : 1));
            else hear();
        });
}
