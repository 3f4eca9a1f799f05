// Runs a panel's queries like Grafana's Prometheus data source.
import { FieldType, dateTime, rangeUtil, toDataFrame } from '@grafana/data';

export const timeRange = ({ from, to }) => {
  const range = { from: dateTime(from * 1000), to: dateTime(to * 1000) };
  return { ...range, raw: range };
};

/** Returns the data frames of all queries of a panel that is `width` pixels wide. */
export async function queryPanel(panel, view, width) {
  const { intervalMs } = rangeUtil.calculateInterval(timeRange(view), Math.round(width), `${view.scrape}s`);
  const step = intervalMs / 1000;
  const values = { ...view.variables, __rate_interval: `${Math.max(step + view.scrape, 4 * view.scrape)}s` };
  const frames = (panel.targets ?? []).map(async (target) => {
    const query = target.expr.replace(/\$\{?(\w+)\}?/g, (all, name) => values[name] ?? all);
    const times = sampleTimes(view, step);
    const parameters = target.instant
      ? { query, time: view.to }
      : { query, start: times[0], end: times.at(-1), step };
    const path = target.instant ? 'query' : 'query_range';
    const response = await fetch(`${view.prometheus}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { status, error, data } = await response.json();
    if (status !== 'success') {
      throw new Error(`${error}: ${query}`);
    }
    // Grafana numbers the value columns if there are several.
    const value = panel.targets.length > 1 ? `Value #${target.refId}` : 'Value';
    return target.format === 'table' ? table(target, value, data.result) : series(target, query, data.result, times);
  });
  return (await Promise.all(frames)).flat();
}

/** Returns the sample times, aligned to whole steps like Grafana's. */
function sampleTimes({ from, to }, step) {
  const first = Math.floor(from / step) * step;
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, i) => first + i * step);
}

function series(target, query, result, times) {
  return result.map(({ metric, value, values }) => {
    // Grafana draws gaps for values that are not numbers.
    const number = (text) => (Number.isFinite(Number(text)) ? Number(text) : null);
    const at = new Map((values ?? [value]).map(([time, text]) => [time, number(text)]));
    const shown = target.instant ? [...at.keys()] : times;
    const name = seriesName(target.legendFormat, metric) || query;
    return toDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: shown.map((time) => time * 1000) },
        {
          name: 'Value',
          type: FieldType.number,
          labels: metric,
          config: { displayNameFromDS: name },
          values: shown.map((time) => at.get(time) ?? null),
        },
      ],
    });
  });
}

/** Expands the legend format; the default is the series in Prometheus notation. */
function seriesName(legend, metric) {
  if (legend) {
    return legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? '');
  }
  const labels = Object.entries(metric).filter(([label]) => label !== '__name__');
  const inside = labels.map(([label, value]) => `${label}="${value}"`).join(', ');
  return (metric.__name__ ?? '') + (inside && `{${inside}}`);
}

function table(target, valueName, result) {
  if (result.length === 0) {
    return [];
  }
  const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const column = (name, type, value) => ({ name, type, values: result.map(value) });
  const fields = [
    column('Time', FieldType.time, ({ value }) => value[0] * 1000),
    ...labels.map((label) => column(label, FieldType.string, ({ metric }) => metric[label] ?? '')),
    column(valueName, FieldType.number, ({ value }) => Number(value[1])),
  ];
  return [toDataFrame({ refId: target.refId, fields })];
}
