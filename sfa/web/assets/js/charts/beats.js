// The beat grid: how long each beat lasts, as tempo over time; a steady track is a straight line. A click or Enter seeks.
import { axisBottom, axisLeft } from "d3-axis";
import { bisectCenter, extent } from "d3-array";
import { scaleLinear } from "d3-scale";
import { pointer, select } from "d3-selection";
import { clock } from "../clock.js";
import { reader } from "./reader.js";
import { t } from "../words.js";

const HEIGHT = 240;
const DOT = 2.2;
const EDGE = { top: 12, right: 12, bottom: 26, left: 40 };

export function beats(element, { duration, beats: times }, width) {
    if (times.length < 3) {
        element.textContent = t("No steady beat was found.");
        return;
    }
    const tempi = times.slice(1).map((time, i) => 60 / (time - times[i]));
    const [low, high] = extent(tempi);
    const x = scaleLinear([0, Math.max(duration, times.at(-1))], [EDGE.left, width - EDGE.right]);
    const y = scaleLinear([low - 4, high + 4], [HEIGHT - EDGE.bottom, EDGE.top]).nice();
    const svg = select(element).append("svg").attr("viewBox", `0 0 ${width} ${HEIGHT}`).attr("tabindex", 0).attr("role", "img")
        .attr("aria-label", t("{n} beats, from {low} to {high} BPM; arrow keys read them, enter plays from there", { n: times.length, low: low.toFixed(1), high: high.toFixed(1) }));
    svg.append("g").attr("class", "grid").attr("transform", `translate(${EDGE.left},0)`)
        .call(axisLeft(y).ticks(5).tickSize(-(width - EDGE.left - EDGE.right))).call((axis) => axis.select(".domain").remove());
    svg.append("g").attr("transform", `translate(0,${HEIGHT - EDGE.bottom})`).call(axisBottom(x).ticks(Math.max(2, width / 110)).tickFormat(clock));
    const foot = HEIGHT - EDGE.bottom;
    const marks = (wanted, tall) => times.map((time, i) => (Boolean(i % 4) === wanted ? `M${x(time).toFixed(2)} ${foot}v-${tall}` : "")).join("");
    svg.append("path").attr("class", "beat").attr("d", marks(true, 8));
    svg.append("path").attr("class", "beat beat-four").attr("d", marks(false, 16));
    const dot = (tempo, i) => `M${(x(times[i]) - DOT).toFixed(2)} ${y(tempo).toFixed(2)}a${DOT} ${DOT} 0 1 0 ${2 * DOT} 0a${DOT} ${DOT} 0 1 0 ${-2 * DOT} 0`;
    svg.append("path").attr("class", "beat-dot").attr("d", tempi.map(dot).join(""));
    reader(element, svg, {
        times: times.slice(0, -1), x, top: EDGE.top, bottom: HEIGHT - EDGE.bottom,
        nearest: (event) => bisectCenter(times, x.invert(pointer(event)[0])),
        text: (i) => t("beat {n} at {at} s · {tempo} BPM", { n: i + 1, at: times[i].toFixed(2), tempo: tempi[i].toFixed(1) }),
    });
}
