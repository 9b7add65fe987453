// Light or dark: the system's choice until the button is pressed, then a cookie that the server reads.
export function theme(button) {
    button?.addEventListener("click", () => {
        const root = document.documentElement;
        const dark = root.dataset.theme ? root.dataset.theme === "sfa-dark" : matchMedia("(prefers-color-scheme: dark)").matches;
        const next = dark ? "light" : "dark";
        root.dataset.theme = `sfa-${next}`;
        document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=lax`;
        document.dispatchEvent(new CustomEvent("sfa-theme"));
    });
}
