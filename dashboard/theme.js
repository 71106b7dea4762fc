// The theme, set before the first paint: this is no module, so that nothing flashes.
// "auto" follows the system; a choice is remembered by this browser alone.
(() => {
  const ORDER = ["auto", "light", "dark"];
  const WORDS = { auto: "as the system", light: "light", dark: "dark" };
  const KEY = "taskmaster-theme";

  // A browser that refuses to store things has a theme all the same.
  const recall = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };
  const remember = (theme) => {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // It is forgotten with the page.
    }
  };

  const recalled = recall();
  let theme = ORDER.includes(recalled) ? recalled : "auto";

  function apply() {
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) {
      const words = `Theme: ${WORDS[theme]}`;
      button.setAttribute("aria-label", words);
      button.title = `${words} (t)`;
      button.querySelector("use").setAttribute("href", `#${theme}`);
    }
    document.dispatchEvent(new Event("themechange"));
  }

  function next() {
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
    remember(theme);
    apply();
  }

  apply();
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", next);
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
})();
