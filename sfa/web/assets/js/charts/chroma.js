// Twelve pitches as bars: the key's own notes filled, its tonic marked by tone, word and arrow.
import { axisLeft } from "d3-axis";
import { max } from "d3-array";
import { scaleBand, scaleLinear } from "d3-scale";
import { select } from "d3-selection";
import { t } from "../words.js";

const PITCHES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
const STEPS = { major: [0, 2, 4, 5, 7, 9, 11], minor: [0, 2, 3, 5, 7, 8, 10] };
const FLATS = { Db: "C#", Eb: "D#", Gb: "F#", Ab: "G#", Bb: "A#" };
const HEIGHT = 240;
const EDGE = { top: 26, right: 4, bottom: 26, left: 30 };

export function chroma(element, { chroma: values, key }, width) {
    const [name, mode] = key ? key.split(" ") : [];
    const tonic = name ? PITCHES.indexOf((FLATS[name] ?? name).replace("#", "♯")) : -1;
    const scale = new Set(tonic < 0 ? [] : STEPS[mode].map((step) => (tonic + step) % 12));
    const x = scaleBand(PITCHES, [EDGE.left, width - EDGE.right]).padding(0.22);
    const y = scaleLinear([0, Math.max(max(values) ?? 0, 0.01)], [HEIGHT - EDGE.bottom, EDGE.top]);
    const kind = (i) => (i === tonic ? "bar-key" : tonic < 0 || scale.has(i) ? "bar-in" : "bar-out");
    const strongest = values.indexOf(max(values));

    const svg = select(element).append("svg").attr("viewBox", `0 0 ${width} ${HEIGHT}`).attr("role", "img")
        .attr("aria-label", t("Strength of the twelve pitches; strongest {pitch}; key {key}", { pitch: PITCHES[strongest], key: key ?? "–" }));
    svg.append("g").attr("transform", `translate(${EDGE.left},0)`).call(axisLeft(y).ticks(4).tickSize(-(width - EDGE.left - EDGE.right)))
        .attr("class", "grid").call((axis) => axis.select(".domain").remove());
    const bars = svg.append("g").selectAll("g").data(values).join("g");
    bars.append("rect").attr("class", (_, i) => kind(i)).attr("x", (_, i) => x(PITCHES[i])).attr("y", y)
        .attr("width", x.bandwidth()).attr("height", (value) => y(0) - y(value)).attr("rx", 2);
    bars.append("title").text((value, i) => `${PITCHES[i]}: ${value.toFixed(2)}`);
    bars.append("text").attr("class", (_, i) => (i === tonic ? "strong" : null)).attr("text-anchor", "middle")
        .attr("x", (_, i) => x(PITCHES[i]) + x.bandwidth() / 2).attr("y", HEIGHT - 8).text((_, i) => PITCHES[i]);
    if (tonic >= 0)
        svg.append("text").attr("class", "strong").attr("text-anchor", "middle").attr("x", x(PITCHES[tonic]) + x.bandwidth() / 2)
            .attr("y", y(values[tonic]) - 6).text(x.bandwidth() < 26 ? "▾" : `${t("key")} ▾`);
}
