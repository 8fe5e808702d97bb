export type ThemeChoice = "system" | "dark" | "light";
export const THEME_KEY = "studio.theme";

/** Runs before the first paint, so that no visit starts with a flash of the other theme; and when the device turns. */
export const THEME_SCRIPT = `(function(){var d=matchMedia("(prefers-color-scheme: light)"),w=function(){var c;try{c=localStorage.getItem("${THEME_KEY}")}catch(e){}document.documentElement.dataset.theme=c==="light"||(c!=="dark"&&d.matches)?"light":"dark"};w();d.addEventListener("change",w)})()`;

/** What the person chose; "system" when nothing. */
export function chosenTheme(): ThemeChoice {
  const value = typeof localStorage === "undefined" ? null : localStorage.getItem(THEME_KEY);
  return value === "dark" || value === "light" ? value : "system";
}

/** Wear the chosen theme, from now on and on later visits. */
export function applyTheme(choice: ThemeChoice): void {
  if (choice === "system") localStorage.removeItem(THEME_KEY);
  else localStorage.setItem(THEME_KEY, choice);
  const light = choice === "light" || (choice === "system" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";
}
