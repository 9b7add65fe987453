// <sfa-chart>: fetches the analysis once a page and draws its kind; draws again when its width changes.
import { beats } from "./beats.js";
import { chroma } from "./chroma.js";
import { mfcc } from "./mfcc.js";
import { radar } from "./radar.js";
import { spectrum } from "./spectrum.js";
import { t } from "../words.js";

const KINDS = { beats, chroma, mfcc, radar, spectrum };
const fetched = new Map();

function analysis(address) {
    if (!fetched.has(address)) fetched.set(address, fetch(address).then((response) => (response.ok ? response.json() : Promise.reject(new Error(response.status)))));
    return fetched.get(address);
}

export class Chart extends HTMLElement {
    async connectedCallback() {
        try {
            this.analysis = await analysis(`${this.dataset.src}#${this.id.split("-").slice(1).join("-")}`);
        } catch {
            this.textContent = t("The analysis could not be fetched; the table below has the figures.");
            return;
        }
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
