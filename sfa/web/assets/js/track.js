// The track page's two elements; they start when they appear, also when the stream brings them.
import { Mixer } from "./mixer/mixer.js";
import { Chart } from "./charts/chart.js";
import { Growing } from "./growing.js";
import { take } from "./charts/take.js";
import { grid } from "./grid.js";

document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-take]");
    if (button) take(button.closest("figure"), button.dataset.take);
    const form = event.target.closest("[data-heard]")?.form;
    if (form) heard(form, document.querySelector("sfa-mixer")?.mix() ?? {});
});
// The gains of the export's form, as the mixer has them: a stem that is silent there is left out.
function heard(form, mix) {
    for (const field of form.querySelectorAll("[name^='gain:']")) field.value = mix[field.name.slice(5)] ?? "";
}

customElements.define("sfa-mixer", Mixer);
customElements.define("sfa-chart", Chart);
customElements.define("sfa-growing", Growing);
grid();
