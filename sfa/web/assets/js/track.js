// The track page's two elements; they start when they appear, also when the stream brings them.
import { Mixer } from "./mixer/mixer.js";
import { Chart } from "./charts/chart.js";

customElements.define("sfa-mixer", Mixer);
customElements.define("sfa-chart", Chart);
