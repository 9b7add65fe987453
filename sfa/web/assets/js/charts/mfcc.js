// The timbre over time: thirteen coefficients as rows of a heat map, each on its own scale; dark to light is low to high.
import { axisBottom, axisLeft } from "d3-axis";
import { bisectCenter, extent, range } from "d3-array";
import { scaleBand, scaleLinear, scaleQuantize } from "d3-scale";
import { pointer, select } from "d3-selection";
import { clock } from "../clock.js";
import { reader } from "./reader.js";
import { t } from "../words.js";

const HEIGHT = 260;
const SHADES = 24;
const EDGE = { top: 8, right: 12, bottom: 26, left: 30 };

export function mfcc(element, { duration, series }, width) {
    const { times, mfcc: rows } = series;
    if (!times.length) {
        element.textContent = t("Silence has no timbre to draw.");
        return;
    }
    const columns = Math.min(times.length, Math.floor((width - EDGE.left - EDGE.right) / 3));
    const x = scaleLinear([0, Math.max(duration, times.at(-1))], [EDGE.left, width - EDGE.right]);
    const y = scaleBand(range(rows.length), [HEIGHT - EDGE.bottom, EDGE.top]);
    const svg = select(element).append("svg").attr("viewBox", `0 0 ${width} ${HEIGHT}`).attr("tabindex", 0).attr("role", "img")
        .attr("aria-label", t("Thirteen timbre coefficients over time; arrow keys read a moment, enter plays from there"));
    const step = (x(times.at(-1)) - EDGE.left) / columns;
    // One path a shade, not an element a cell: fifteen hundred of them are a long task on a phone.
    const cells = Array.from({ length: SHADES }, () => "");
    rows.forEach((row, number) => {
        const [low, high] = extent(row);
        const shade = scaleQuantize([low, high === low ? low + 1 : high], range(SHADES));
        const [top, tall] = [y(number).toFixed(2), (y.bandwidth() + 0.3).toFixed(2)];
        for (let i = 0; i < columns; i++) {
            const value = row[Math.floor((i * row.length) / columns)];
            cells[shade(value)] += `M${(EDGE.left + i * step).toFixed(2)} ${top}h${(step + 0.3).toFixed(2)}v${tall}h-${(step + 0.3).toFixed(2)}z`;
        }
    });
    svg.append("g").selectAll("path").data(cells).join("path").attr("class", "heat").attr("d", (d) => d)
        .attr("fill-opacity", (_, i) => (0.06 + (0.94 * i) / (SHADES - 1)).toFixed(2));
    svg.append("g").attr("transform", `translate(${EDGE.left},0)`).call(axisLeft(y).tickSize(0)).call((axis) => axis.select(".domain").remove());
    svg.append("g").attr("transform", `translate(0,${HEIGHT - EDGE.bottom})`).call(axisBottom(x).ticks(Math.max(2, width / 110)).tickFormat(clock));
    reader(element, svg, {
        times, x, top: EDGE.top, bottom: HEIGHT - EDGE.bottom,
        nearest: (event) => bisectCenter(times, x.invert(pointer(event)[0])),
        text: (i) => `${clock(times[i])} · ${rows.slice(0, 4).map((row, n) => `${n}: ${row[i].toFixed(1)}`).join(" · ")} …`,
    });
}
