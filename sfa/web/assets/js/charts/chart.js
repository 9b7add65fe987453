// <sfa-chart>: draws its kind of the page's analysis; draws again when its width changes.
import { beats } from "./beats.js";
import { chroma } from "./chroma.js";
import { mfcc } from "./mfcc.js";
import { radar } from "./radar.js";
import { spectrum } from "./spectrum.js";
import { t } from "../words.js";

const KINDS = { beats, chroma, mfcc, radar, spectrum };
const fetched = new Map();
let turn = Promise.resolve();

// The analysis is fetched once for all charts; again where a chart's stamp says that the beat grid was changed since.
function analysis(address, id, stamp) {
    const known = fetched.get(id);
    if (known && (stamp === undefined || known.stamp === undefined || known.stamp === stamp)) {
        known.stamp ??= stamp;
        return known.coming;
    }
    const coming = fetch(address).then((response) => (response.ok ? response.json() : Promise.reject(new Error(response.status))));
    fetched.set(id, { stamp, coming });
    return coming;
}

// Charts are drawn one a task, so that a phone that opens a page answers between them.
function inTurn() {
    turn = turn.then(() => new Promise((resolve) => setTimeout(resolve)));
    return turn;
}

export class Chart extends HTMLElement {
    async connectedCallback() {
        const { src, analysis: id, stamp } = this.dataset;
        try {
            this.analysis = await analysis(src, id, stamp);
        } catch {
            this.textContent = t("The analysis could not be fetched; the table below has the figures.");
            return;
        }
        await inTurn();
        if (!this.isConnected) return;
        this.sizes = new ResizeObserver(() => this.draw());
        this.sizes.observe(this);
    }

    connectedMoveCallback() {}

    disconnectedCallback() {
        this.sizes?.disconnect();
    }

    draw() {
        const width = Math.round(this.clientWidth);
        if (!width || width === this.drawn) return;
        this.drawn = width;
        this.replaceChildren();
        KINDS[this.dataset.kind](this, this.analysis, width);
    }
}
