// Panels whose code is part of Grafana's server and not published: drawn plainly, by the same options and field config.
import React from 'react';
import {
  FieldColorModeId, colorManipulator, formattedValueToString, getActiveThreshold, getValueFormat,
} from '@grafana/data';
import { VizLegend } from '@grafana/ui';
import * as chromatic from 'd3-scale-chromatic';

const FONT = 12;
const AXIS = 22;
const LEGEND = 28;

/** How wide a text is. */
const pen = document.createElement('canvas').getContext('2d');
function widthOf(text, theme) {
  pen.font = `${FONT}px ${theme.typography.fontFamily}`;
  return pen.measureText(text).width;
}

/** A plot with a column of names on the left and times below. */
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

/** A lane for each series, coloured by what its value means. */
export function Timeline({ panel, data, theme, view, width, height }) {
  const fields = data.map((frame) => frame.fields[1]);
  const shown = new Map();
  const lanes = fields.map((field, i) => runs(field, data[i].fields[0], meaning(field, panel.options, theme), view.to));
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

/** What Grafana says of a value; where colours come from thresholds and equal ones are merged, it knows only those. */
function meaning(field, options, theme) {
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

/** Neighbours of the same value as one. */
function runs(field, times, meant, end) {
  const found = [];
  let open;
  field.values.forEach((value, i) => {
    const time = times.values[i] / 1000;
    if (open && open.value !== value) {
      found.push({ ...open, to: time });
      open = undefined;
    }
    if (value !== null && !open) {
      open = { value, from: time, ...meant(value) };
    }
  });
  return open ? [...found, { ...open, to: end }] : found;
}

/** A lane for each bucket; the fuller, the brighter. */
export function Heatmap({ panel, data, theme, view, width, height }) {
  const end = (frame) => Number(frame.fields[1].labels.le.replace('+Inf', 'Infinity'));
  const frames = [...data].sort((one, other) => end(one) - end(other));
  const times = frames[0].fields[0].values;
  // Buckets hold all that is below them.
  const cells = frames.map((frame, i) =>
    times.map((_, t) => Math.max(0, (frame.fields[1].values[t] ?? 0) - (frames[i - 1]?.fields[1].values[t] ?? 0))),
  );
  const most = Math.max(...cells.flat());
  const { scheme, exponent } = panel.options.color;
  const scale = chromatic[`interpolate${scheme}`];
  const named = getValueFormat(panel.options.yAxis.unit);
  const names = frames.map((frame) => (end(frame) === Infinity ? '+Inf' : formattedValueToString(named(end(frame)))));
  const draw = (row, x, top, lane) =>
    cells[frames.length - 1 - row].map((count, t) => {
      const [from, to] = [times[t] / 1000, (times[t + 1] ?? view.to * 1000) / 1000];
      // On a dark ground the scheme runs from its dark end.
      return count > panel.options.filterValues.le && (
        <rect key={t} x={x(from)} y={top} width={Math.max(1, x(to) - x(from) - 1)} height={lane - 1}
          fill={scale(1 - (count / most) ** exponent)} />
      );
    });
  return <Plot names={names.reverse()} lanes={draw} {...{ theme, view, width, height }} />;
}
