// The page's language: texts are looked up by themselves in what /words brought; English needs no looking up.
export function t(text, values = {}) {
    const found = globalThis.sfaWords?.[text] || text;
    return found.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
