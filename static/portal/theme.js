/* Runs before the first paint, so that a page chosen dark is never light for a moment. Kept apart and tiny for that. */
document.documentElement.classList.add("scripted");
try {
  const theme = localStorage.getItem("portal-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* storage refused: the system's wish counts */ }
