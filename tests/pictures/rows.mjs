// The rows of a dashboard.

/** Returns the first `count` rows with their panels; all of them without a count. */
export function rows(dashboard, count) {
  const found = [];
  for (const panel of dashboard.panels) {
    if (panel.type === 'row') {
      found.push({ row: panel, panels: [...panel.panels] });
    } else {
      found.at(-1).panels.push(panel);
    }
  }
  return found.slice(0, count);
}
