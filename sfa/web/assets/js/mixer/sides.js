// Two separations of the same track, heard in turn from the same place: A is the page's own, B is chosen to compare.
// Stems are matched by their kind; what only B has is heard with B's “other” (or its last lane), so that nothing is lost.
export class Sides {
    constructor(lanes) {
        Object.assign(this, { lanes, side: "a", name: "" });
        for (const lane of lanes) Object.assign(lane, { urls: { a: [lane.url], b: [] }, sources: { a: [], b: [] } });
    }

    get ready() {
        return this.lanes.some((lane) => lane.urls.b.length > 0);
    }

    // What the address says of separation A, the page's own: {lanes: [{id, waveform}], stems: {id: peaks}}.
    own(body) {
        for (const lane of this.lanes) lane.sources.a = body.lanes.filter((stem) => stem.id === lane.id).map((stem) => source(stem, body));
    }

    // The same of separation B: {lanes: [{id, type, label, url, waveform}], stems: {id: peaks}}.
    set(body, name) {
        this.name = name;
        for (const lane of this.lanes) {
            lane.urls.b = [];
            lane.sources.b = [];
        }
        const rest = this.lanes.find((lane) => lane.type === "other") ?? this.lanes.at(-1);
        for (const stem of body?.lanes ?? []) {
            const lane = this.lanes.find((each) => each.type === stem.type && each.label === stem.label) ?? this.lanes.find((each) => each.type === stem.type) ?? rest;
            lane.urls.b.push(stem.url);
            lane.sources.b.push(source(stem, body));
        }
    }

    // The waveforms that a lane shows now.
    sources(lane) {
        return lane.sources[this.side];
    }
}

function source(stem, body) {
    return { waveform: stem.waveform, overview: body.stems[stem.id] };
}
