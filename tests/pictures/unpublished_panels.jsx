// Replacements for panels that Grafana does not publish, with the same options and field config.
import React from 'react';
import {
  FieldColorModeId, colorManipulator, formattedValueToString, getActiveThreshold, getValueFormat,
} from '@grafana/data';
import { VizLegend } from '@grafana/ui';
import * as chromatic from 'd3-scale-chromatic';

const FONT = 12;
const AXIS = 22;
const LEGEND = 28;

/** Measures the width of a text. */
const canvas = document.createElement('canvas').getContext('2d');
function widthOf(text, theme) {
  canvas.font = `${FONT}px ${theme.typography.fontFamily}`;
  return canvas.measureText(text).width;
}

/** A plot with one lane per name and a time axis. */
function Plot({ names, theme, view, width, height, lanes }) {
  const left = Math.max(...names.map((name) => widthOf(name, theme))) + 16;
  const [inner, tall] = [width - left - 8, height - AXIS];
  const x = (seconds) => left + ((Math.max(seconds, view.from) - view.from) / (view.to - view.from)) * inner;
  const lane = tall / names.length;
  const text = { fill: theme.colors.text.primary, fontSize: FONT, dominantBaseline: 'central' };
  const minutes = Math.max(1, Math.ceil((view.to - view.from) / 60 / Math.max(1, Math.floor(inner / 90))));
  const ticks = [];
  for (let time = Math.ceil(view.from / 60 / minutes) * 60 * minutes; time <= view.to; time += 60 * minutes) {
    ticks.push(time);
  }
  return (
    <svg width={width} height={height} fontFamily={theme.typography.fontFamily}>
      {ticks.map((time) => (
        <g key={time}>
          <line x1={x(time)} x2={x(time)} y1={0} y2={tall} stroke={theme.colors.border.weak} />
          <text {...text} x={x(time)} y={tall + AXIS / 2} textAnchor="middle">
            {new Date(time * 1000).toISOString().slice(11, 16)}
          </text>
        </g>
      ))}
      {names.map((name, i) => (
        <g key={i}>
          <text {...text} x={left - 10} y={i * lane + lane / 2} textAnchor="end">
            {name}
          </text>
          {lanes(i, x, i * lane, lane)}
        </g>
      ))}
    </svg>
  );
}

/** State timeline: one lane per series, coloured by value. */
export function Timeline({ panel, data, theme, view, width, height }) {
  const fields = data.map((frame) => frame.fields[1]);
  const shown = new Map();
  const lanes = fields.map((field, i) => mergeRuns(field, data[i].fields[0], valueFormatter(field, panel.options, theme), view.to));
  lanes.flat().forEach(({ text, color }) => shown.set(text, color));
  const items = [...shown].map(([label, color]) => ({ label, color, yAxis: 1 }));
  const { rowHeight, legend, showValue } = panel.options;
  const below = legend.showLegend ? LEGEND : 0;
  const draw = (i, x, top, lane) =>
    lanes[i].map(({ from, to, text, color }) => {
      const [start, wide, tall] = [x(from), x(to) - x(from), lane * rowHeight];
      const fits = Math.floor(wide / (widthOf('abcdefghij', theme) / 10 + 2.5));
      const fill = colorManipulator.alpha(color, (fields[i].config.custom?.fillOpacity ?? 80) / 100);
      return (
        <g key={from}>
          <rect x={start} y={top + (lane - tall) / 2} width={Math.max(1, wide)} height={tall} fill={fill} />
          {showValue !== 'never' && fits > 1 && (
            <text x={start + 3} y={top + lane / 2} fontSize={FONT} fontWeight={500} dominantBaseline="central"
              fill={theme.colors.getContrastText(color, 3)}>
              {text.slice(0, fits)}
            </text>
          )}
        </g>
      );
    });
  return (
    <>
      <Plot names={fields.map((field) => field.config.displayNameFromDS)} lanes={draw}
        {...{ theme, view, width, height: height - below }} />
      {below > 0 && <VizLegend items={items} displayMode={legend.displayMode} placement={legend.placement} />}
    </>
  );
}

/** Returns a function from a value to its text and colour. With merged values and threshold colours, Grafana shows the
 * threshold instead of the value. */
function valueFormatter(field, options, theme) {
  const { color, thresholds } = field.config;
  if (!options.mergeValues || color?.mode !== FieldColorModeId.Thresholds || !thresholds?.steps.length) {
    return (value) => {
      const shown = field.display(value);
      return { text: formattedValueToString(shown), color: shown.color };
    };
  }
  return (value) => {
    const step = getActiveThreshold(value, thresholds.steps);
    return { text: `${step.value}+`, color: theme.visualization.getColorByName(step.color) };
  };
}

/** Merges consecutive equal values. */
function mergeRuns(field, times, format, end) {
  const found = [];
  let open;
  field.values.forEach((value, i) => {
    const time = times.values[i] / 1000;
    if (open && open.value !== value) {
      found.push({ ...open, to: time });
      open = undefined;
    }
    if (value !== null && !open) {
      open = { value, from: time, ...format(value) };
    }
  });
  return open ? [...found, { ...open, to: end }] : found;
}

/** Heatmap: one lane per histogram bucket. */
export function Heatmap({ panel, data, theme, view, width, height }) {
  const upperBound = (frame) => Number(frame.fields[1].labels.le.replace('+Inf', 'Infinity'));
  const frames = [...data].sort((a, b) => upperBound(a) - upperBound(b));
  const times = frames[0].fields[0].values;
  // Buckets are cumulative.
  const cells = frames.map((frame, i) =>
    times.map((_, t) => Math.max(0, (frame.fields[1].values[t] ?? 0) - (frames[i - 1]?.fields[1].values[t] ?? 0))),
  );
  const maximum = Math.max(...cells.flat());
  const { scheme, exponent } = panel.options.color;
  const scale = chromatic[`interpolate${scheme}`];
  const format = getValueFormat(panel.options.yAxis.unit);
  const names = frames.map((frame) => (upperBound(frame) === Infinity ? '+Inf' : formattedValueToString(format(upperBound(frame)))));
  const draw = (row, x, top, lane) =>
    cells[frames.length - 1 - row].map((count, t) => {
      const [from, to] = [times[t] / 1000, (times[t + 1] ?? view.to * 1000) / 1000];
      // On a dark background Grafana inverts the colour scheme.
      return count > panel.options.filterValues.le && (
        <rect key={t} x={x(from)} y={top} width={Math.max(1, x(to) - x(from) - 1)} height={lane - 1}
          fill={scale(1 - (count / maximum) ** exponent)} />
      );
    });
  return <Plot names={names.reverse()} lanes={draw} {...{ theme, view, width, height }} />;
}
