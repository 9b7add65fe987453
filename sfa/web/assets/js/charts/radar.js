// The track at a glance: six figures, each on its own scale from 0 to 1, as a polygon; the figures stand at the corners.
import { scaleLinear } from "d3-scale";
import { select } from "d3-selection";
import { curveLinearClosed, lineRadial } from "d3-shape";

const HEIGHT = 260;

export function radar(element, { radar: axes }, width) {
    const radius = Math.min(width / 2 - 125, HEIGHT / 2 - 30);
    const r = scaleLinear([0, 1], [0, Math.max(40, radius)]);
    const angle = (i) => (i / axes.length) * 2 * Math.PI;
    const svg = select(element).append("svg").attr("viewBox", `${-width / 2} ${-HEIGHT / 2} ${width} ${HEIGHT}`).attr("role", "img")
        .attr("aria-label", axes.map((axis) => `${axis.name} ${axis.text}`).join(", "));
    const shape = lineRadial().angle((_, i) => angle(i)).curve(curveLinearClosed);
    for (const ring of [0.25, 0.5, 0.75, 1]) svg.append("path").attr("class", "ring").attr("d", shape.radius(r(ring))(axes));
    const spokes = svg.append("g").selectAll("g").data(axes).join("g");
    spokes.append("line").attr("class", "ring").attr("x2", (_, i) => r(1) * Math.sin(angle(i))).attr("y2", (_, i) => -r(1) * Math.cos(angle(i)));
    svg.append("path").attr("class", "radar-shape").attr("d", shape.radius((axis) => r(axis.value))(axes));
    const dots = svg.append("g").selectAll("circle").data(axes).join("circle").attr("class", "radar-dot").attr("r", 3.5)
        .attr("cx", (axis, i) => r(axis.value) * Math.sin(angle(i))).attr("cy", (axis, i) => -r(axis.value) * Math.cos(angle(i)));
    dots.append("title").text((axis) => `${axis.name}: ${axis.text}`);
    const anchor = (i) => (Math.abs(Math.sin(angle(i))) < 0.1 ? "middle" : Math.sin(angle(i)) > 0 ? "start" : "end");
    const label = spokes.append("text").attr("text-anchor", (_, i) => anchor(i))
        .attr("x", (_, i) => (r(1) + 9) * Math.sin(angle(i))).attr("y", (_, i) => -(r(1) + 12) * Math.cos(angle(i)) + 4);
    label.append("tspan").text((axis) => `${axis.name} `);
    label.append("tspan").attr("class", "strong").text((axis) => axis.text);
}
