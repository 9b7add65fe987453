// The track page's two elements; they start when they appear, also when the stream brings them.
import { Mixer } from "./mixer/mixer.js";
import { Chart } from "./charts/chart.js";
import { Growing } from "./growing.js";
import { take } from "./charts/take.js";
import { grid } from "./grid.js";

document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-take]");
    if (button) take(button.closest("figure"), button.dataset.take);
});
customElements.define("sfa-mixer", Mixer);
customElements.define("sfa-chart", Chart);
customElements.define("sfa-growing", Growing);
grid();
