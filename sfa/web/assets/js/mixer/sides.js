// Two separations of the same track, heard in turn from the same place: A is the page's own, B is chosen to compare.
// Stems are matched by their kind; what only B has is heard with B's “other” (or its last lane), so that nothing is lost.
export class Sides {
    constructor(lanes) {
        Object.assign(this, { lanes, side: "a", name: "" });
        for (const lane of lanes) lane.urls = { a: [lane.url], b: [] };
    }

    get ready() {
        return this.lanes.some((lane) => lane.urls.b.length > 0);
    }

    // What the address says of separation B: {lanes: [{id, type, label, url}], stems: {id: peaks}}.
    set(body, name) {
        this.name = name;
        for (const lane of this.lanes) Object.assign(lane, { urls: { a: [lane.url], b: [] }, peaksB: [] });
        const rest = this.lanes.find((lane) => lane.type === "other") ?? this.lanes.at(-1);
        for (const stem of body?.lanes ?? []) {
            const lane = this.lanes.find((each) => each.type === stem.type && each.label === stem.label) ?? this.lanes.find((each) => each.type === stem.type) ?? rest;
            lane.urls.b.push(stem.url);
            lane.peaksB.push(body.stems[stem.id]);
        }
    }

    peaks(lane, own) {
        return this.side === "a" ? own : sum(lane.peaksB ?? []);
    }
}

// Several stems in one lane: their outlines together.
function sum(all) {
    const [first, ...others] = all.filter((peaks) => peaks?.min?.length);
    if (!first || !others.length) return first;
    const add = (name) => first[name].map((value, i) => others.reduce((total, peaks) => total + (peaks[name][Math.floor((i * peaks[name].length) / first[name].length)] ?? 0), value));
    return { min: add("min"), max: add("max") };
}
